"""Power-law compression of spectra: what loudness does to intensity, kept invertible and odd."""

from torch import Tensor


def compress(spectrum: Tensor, exponent: float) -> Tensor:
    """sign(x) |x|^exponent, elementwise. An exponent of 0.6 turns 20 dB into 12 dB."""
    return spectrum.sign() * spectrum.abs().pow(exponent)


def expand(compressed: Tensor, exponent: float) -> Tensor:
    """Inverse of `compress` with the same exponent; its slope at 0 is 0, so gradients stay finite."""
    return compressed.sign() * compressed.abs().pow(1 / exponent)
