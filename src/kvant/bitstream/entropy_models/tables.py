"""Frequencies that were counted once and for all: of codes, and of depths after the depth before."""

import hashlib
from collections.abc import Sequence

import numpy as np

from kvant.bitstream.range_coder import frequencies
from kvant.errors import UsageError


class Tables:
    """How often each code of each level comes, and each depth after another, whatever else is known.

    steps: integers [K + 2, K + 1], how often each depth followed each; the last row is of the first frame of a block.
    codes: K times integers [V], how often each code came.
    """

    def __init__(self, steps: np.ndarray, codes: Sequence[np.ndarray]) -> None:
        if steps.shape != (len(codes) + 2, len(codes) + 1):
            raise UsageError(f"steps {list(steps.shape)} between depths of {len(codes)} levels")
        self.codebook_sizes = tuple(map(len, codes))
        self.serial = (False,) * len(codes)
        self._steps = frequencies(steps)
        self._codes = [frequencies(level) for level in codes]
        tables = [np.array([len(codes), *self.codebook_sizes]), self._steps, *self._codes]
        self.digest = hashlib.sha256(b"".join(table.astype("<u4").tobytes() for table in tables)).digest()

    def depth_frequencies(self, depths: np.ndarray, frames: range) -> np.ndarray:
        """Those of the steps from the depth before."""
        before = np.concatenate([[len(self._steps) - 1], depths])
        return self._steps[before[frames.start : frames.stop]]

    def frequencies(self, level: int, codes: np.ndarray, depths: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """The same for every frame."""
        return np.broadcast_to(self._codes[level], (len(frames), self.codebook_sizes[level]))


def counted(codes: Sequence[np.ndarray], sizes: Sequence[int], block_frames: int) -> Tables:
    """Tables of codes [K, T], one array a channel, as if cut into blocks of so many frames; all counts one higher."""
    levels = len(sizes)
    steps = np.ones((levels + 2, levels + 1), np.int64)
    counts = [np.ones(size, np.int64) for size in sizes]
    for each in codes:
        depths = (each >= 0).sum(axis=0)
        first = np.arange(len(depths)) % block_frames == 0
        before = np.where(first, levels + 1, np.roll(depths, 1))
        np.add.at(steps, (before, depths), 1)
        for count, row in zip(counts, each):
            count += np.bincount(row[row >= 0], minlength=len(count))
    return Tables(steps, counts)
