"""What an entropy model must do for the range coder of a block."""

from typing import Protocol

import numpy as np


class EntropyModel(Protocol):
    """Frequencies of what comes next in a block, of one channel, from what a decoder knows by then.

    digest: SHA-256 of its tables, 32 bytes, which streams coded with it name; zeros if it has none. codebook_sizes: one
    per level, coarse first. serial: per level, whether its frequencies depend on the level's own past; the decoder
    then asks frame by frame, and otherwise for all frames at once.

    depths: int64 [T], levels of each frame of the block, 0..K. codes: int64 [K, T], ABSENT where a frame has no such
    level. Nothing of other blocks is known. Frequencies are int64, at least 1 each, with the sum 2^16, as
    `kvant.bitstream.range_coder.frequencies` makes them. They must be the same numbers on every machine and however
    frames are grouped into calls, or streams cannot be read: integer arithmetic alone, or float arithmetic that is
    exact. Any depths and codes within their ranges get an answer.
    """

    @property
    def digest(self) -> bytes: ...
    @property
    def codebook_sizes(self) -> tuple[int, ...]: ...
    @property
    def serial(self) -> tuple[bool, ...]: ...

    def depth_frequencies(self, depths: np.ndarray, frames: range) -> np.ndarray:
        """[n, K + 1] of the depth of each of `frames`, given depths[:t] alone; what stands from t on is not known."""
        ...

    def frequencies(self, level: int, codes: np.ndarray, depths: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """[n, V] of codes[level, t] for the t in `frames`, int64 [n], ascending, all of depth above `level`.

        Known are all depths, codes[:level], and of a serial level codes[level, :t]; what else `codes` holds is not.
        """
        ...
