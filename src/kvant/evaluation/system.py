"""What a codec under test does: encode, and decode, each to be timed; bits counted in between."""

from typing import Any, NamedTuple, Protocol

import numpy as np

from kvant.evaluation.metrics.metric import Array


class Coded(NamedTuple):
    """A wav on its way through a system: its payload in bits, and `content`, which only its own decoder understands.

    sample_rate, num_samples: of the wav, for the decoder to return to. codes: int64 [K, T], of a codec with codebooks.
    """

    content: Any
    bits: int
    sample_rate: int
    num_samples: int
    codes: np.ndarray | None = None


class System(Protocol):
    """A codec at one bitrate; it can be pickled, to work in another process."""

    def encode(self, wav: Array, sample_rate: int) -> Coded:
        """What float32 wav [N] at `sample_rate` Hz becomes."""
        ...

    def decode(self, coded: Coded) -> Array:
        """float32 wav [N] at the rate and of the length of the original, the system's own delay removed."""
        ...


def through(system: System, wav: Array, sample_rate: int) -> tuple[Array, int]:
    """wav [N] encoded and decoded [N], and its payload in bits."""
    coded = system.encode(wav, sample_rate)
    return system.decode(coded), coded.bits
