"""What a reader gives: whole blocks, and notes of damage."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kvant.bitstream.audio_block import AudioBlock
from kvant.bitstream.errors import UnknownTables


@dataclass(frozen=True)
class Block:
    """Some frames of the stream. `audio`: as they lie in it. `known`: their codes, None if no model can tell them."""

    audio: AudioBlock
    known: np.ndarray | None

    @property
    def start(self) -> int:
        """Number of the first frame."""
        return self.audio.start

    @property
    def codes(self) -> np.ndarray:
        """int64 [K', n], ABSENT (-1) where a frame has fewer levels. `UnknownTables`: they need an entropy model."""
        if self.known is None:
            raise UnknownTables("the codes of this stream are coded by an entropy model; give the model to the reader")
        return self.known

    @property
    def gain(self) -> float | None:
        """What the decoded samples of a segment are multiplied by; None without segments."""
        return self.audio.gain

    @property
    def reset(self) -> bool:
        """Whether the codec's state restarts here."""
        return self.audio.reset


class Damage(NamedTuple):
    """What was wrong at byte `offset`, with frame `frame` due next, and how many frames are missing because of it."""

    offset: int
    reason: str
    frame: int
    lost_frames: int
