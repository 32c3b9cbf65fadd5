"""The codebooks under their former name."""

from kvant.quantizers.codebooks import EMACodebook, LearnedCodebook, TrackedCodebook

__all__ = ["EMACodebook", "LearnedCodebook", "TrackedCodebook"]
