"""What encoding gives and decoding takes."""

from typing import NamedTuple

import numpy as np


class Codes(NamedTuple):
    """codes: int64 [C, K, T], coarse first, ABSENT (-1) where a frame has fewer levels; the wav's rate and length.

    Of a codec of segments, C is 1: all `channels` of the wav together; `gains`: frames and gain of each segment.
    """

    codes: np.ndarray
    sample_rate: int
    num_samples: int
    channels: int | None = None
    gains: tuple[tuple[int, float], ...] = ()
