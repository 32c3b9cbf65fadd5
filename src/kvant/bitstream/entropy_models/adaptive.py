"""Counts that begin anew in every block: an entropy model without tables (FORMAT.md, section 5.4)."""

from collections.abc import Sequence

import numpy as np

from kvant.bitstream.depths import ABSENT
from kvant.bitstream.range_coder import TOTAL

NEAR = 256
"""What the depth of the frame before weighs; a depth d levels from it weighs 2^-d of that, at least 1."""
STEP_SEEN = 64
CODE_SEEN = 16
"""What a step from depth to depth, and a code, weigh more each time that they were seen in the block."""


class AdaptiveCounts:
    """What was seen so far in the block is likelier to come; depths are likely to be near the one before.

    It learns too little from a second of codes to save much on them, but much on depths.
    """

    digest = bytes(32)

    def __init__(self, codebook_sizes: Sequence[int]) -> None:
        self.codebook_sizes = tuple(codebook_sizes)
        self.serial = (True,) * len(self.codebook_sizes)
        depths = np.arange(len(self.codebook_sizes) + 1)
        self._near = np.maximum(1, NEAR >> np.minimum(abs(depths - depths[:, None]), 8))

    def depth_frequencies(self, depths: np.ndarray, frames: range) -> np.ndarray:
        """Weights of the step from the depth before; of the first frame all are equal."""
        weights = self._near.copy()
        known = max(0, frames.start - 1)
        np.add.at(weights, (depths[:known], depths[1 : known + 1]), STEP_SEEN)
        rows = np.ones((len(frames), len(weights)), np.int64)
        for row, time in enumerate(frames):
            if time > 1 and row > 0:
                weights[depths[time - 2], depths[time - 1]] += STEP_SEEN
            if time > 0:
                rows[row] = weights[depths[time - 1]]
        return proportional(rows)

    def frequencies(self, level: int, codes: np.ndarray, depths: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Weights of the codes seen in the level so far."""
        past = codes[level, : frames[0]]
        size = self.codebook_sizes[level]
        weights = np.repeat(
            1 + CODE_SEEN * np.bincount(past[past != ABSENT], minlength=size)[None], len(frames), axis=0
        )
        for row, time in enumerate(frames[:-1].tolist(), start=1):
            weights[row:, codes[level, time]] += CODE_SEEN
        return proportional(weights)


def proportional(weights: np.ndarray) -> np.ndarray:
    """Frequencies int64 [n, V] of weights [n, V] of at least 1 with sums of at most 2^16.

    Multiples of the weights; what then misses from 2^16 is shared equally, of the last part one each for the first.
    """
    size = weights.shape[1]
    sums = weights.sum(axis=1, keepdims=True)
    multiple = TOTAL // sums
    rest = TOTAL - multiple * sums
    return multiple * weights + rest // size + (np.arange(size) < rest % size)
