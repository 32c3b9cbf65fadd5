"""What streams of a codec give and take that codes in segments: codes, and a gain for each."""

from typing import NamedTuple, Protocol

import numpy as np


class Segment(NamedTuple):
    """codes: int64 [1, K, T], of all channels together. gain: what their decoded samples are multiplied by."""

    codes: np.ndarray
    gain: float


class Decoding(Protocol):
    """A decoder stream, of codes [C, k, T] or of segments."""

    def push(self, coded: np.ndarray | Segment, /) -> np.ndarray: ...
    def skip(self, num_frames: int) -> np.ndarray: ...
    def restart(self) -> np.ndarray: ...
    def flush(self) -> np.ndarray: ...
