"""Honest numbers: metrics, alignment, conventional codecs to compare with, and tables with confidence intervals."""
