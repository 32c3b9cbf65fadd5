"""Quantizers: latents to codes and back, with a gradient."""

from kvant.quantizers.codebooks import CODEBOOKS, EMACodebook, LearnedCodebook, TrackedCodebook
from kvant.quantizers.residual import ResidualQuantizer
from kvant.quantizers.vector import VectorQuantizer

QUANTIZERS = (VectorQuantizer, ResidualQuantizer)

__all__ = [
    "CODEBOOKS",
    "QUANTIZERS",
    "EMACodebook",
    "LearnedCodebook",
    "ResidualQuantizer",
    "TrackedCodebook",
    "VectorQuantizer",
]
