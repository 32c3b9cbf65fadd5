"""Heads: what a decoder's last hidden frames become, on the way to wav."""

from kvant.heads.istft import CentredISTFTHead, ISTFTHead

__all__ = ["CentredISTFTHead", "ISTFTHead"]
