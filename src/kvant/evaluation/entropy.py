"""What an ideal entropy coder without memory would save: entropy of codes, level by level."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FRAMES_PER_CODE = 20


def entropy(counts: np.ndarray, corrected: bool = True) -> float:
    """Bits per code from how often each of V codes occurred, counts [V]; at most log2 V, and 0 without any.

    H = -sum p log2 p + (m - 1) / (2 n ln 2), with m codes seen and n in all: the second term takes off the bias of the
    first, the plug-in estimate (Miller, 1955); `corrected` False leaves it out.
    """
    seen = counts[counts > 0].astype(np.float64)
    total = seen.sum()
    if total == 0:
        return 0.0
    share = seen / total
    bias = (len(seen) - 1) / (2 * total * np.log(2)) if corrected else 0.0
    return float(min(bias - np.sum(share * np.log2(share)), np.log2(len(counts))))


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
