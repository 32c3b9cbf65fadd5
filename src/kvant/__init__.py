"""Kvant: neural audio codecs. Compress, tokenize, build and train."""

__version__ = "0.1.0"
