"""What an ideal entropy coder without memory would save: entropy of codes, level by level."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kvant.entropy import entropy

FRAMES_PER_CODE = 20


class EntropyRate(NamedTuple):
    """bitrate: bit/s after an ideal zero-order entropy coder, measured on `frames` frames; `needed` make it reliable.

    bits: entropy of each level.
    """

    bitrate: float
    frames: int
    needed: int
    bits: tuple[float, ...]

    @property
    def trusted(self) -> bool:
        """Whether there are 20 frames for each vector of the largest codebook."""
        return self.frames >= self.needed


def entropy_rate(codes: Sequence[np.ndarray], codebook_sizes: Sequence[int], frame_rate: float) -> EntropyRate:
    """Sum over levels of the entropy of their codes, times the frame rate in Hz; codes: int64 [K, T] of each clip."""
    joined = np.concatenate([np.zeros((len(codebook_sizes), 0), np.int64), *codes], axis=1)
    bits = tuple(entropy(np.bincount(level, minlength=size)) for level, size in zip(joined, codebook_sizes))
    return EntropyRate(sum(bits) * frame_rate, joined.shape[1], FRAMES_PER_CODE * max(codebook_sizes), bits)
