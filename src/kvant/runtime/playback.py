"""The blocks of a stream as wav, in order: silence where some are missing, a new state where the codec restarts."""

import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kvant.bitstream import Block, Header, Reader
from kvant.runtime.segments import Decoding, Segment

SILENCE_SECONDS = 60
"""So much silence may stand for lost frames, and as much again as was decoded: the frame number of a hostile block
could ask for a year."""
PIECE_FRAMES = 1024


class Played(NamedTuple):
    """wav: float32 [C, n], what comes next. certain: so many samples from the start on are the original's, whatever
    else comes; the last frame reaches past its end, which END may be the first to tell."""

    wav: np.ndarray
    certain: int


class Playback:
    """Iterate to decode what a reader gives, once."""

    def __init__(self, reader: Reader, stream: Decoding) -> None:
        self._reader, self._stream, self._header = reader, stream, reader.header
        self._due = 0
        self._allowed = round(SILENCE_SECONDS * self._header.frame_rate)
        """Frames that may still be silent."""

    def __iter__(self) -> Iterator[Played]:
        for block in self._reader:
            certain = certain_samples(self._header, block)
            for wav in self._silence(block.start):
                yield Played(wav, certain)
            if block.reset and block.start:
                yield Played(self._stream.restart(), certain)
            self._allowed += self._header.spanned(block.codes.shape[1])
            self._due += self._header.spanned(block.codes.shape[1])
            yield Played(self._stream.push(taken(block, self._header.streams)), certain)
        if self._reader.end:
            for wav in self._silence(self._reader.end.total_frames):
                yield Played(wav, sys.maxsize if self._reader.num_samples is None else self._reader.num_samples)
        yield Played(self._stream.flush(), 0)

    def _silence(self, until: int) -> Iterator[np.ndarray]:
        """For the frames that are missing before frame `until`, with restarts where they would have been."""
        interval = self._header.reset_interval
        while self._due < until and self._allowed > 0:
            rest = interval - self._due % interval if interval else PIECE_FRAMES
            frames = min(until - self._due, self._allowed, rest)
            yield self._stream.skip(frames)
            self._due += frames
            self._allowed -= frames
            if frames == rest and interval:
                yield self._stream.restart()
        self._due = max(self._due, until)


def certain_samples(header: Header, block: Block) -> int:
    """Samples per channel at the source's rate that the original has at least, seeing that it has this block."""
    segments = header.segment_stride
    begin = block.start // header.reset_interval * segments if segments else block.start * header.hop_length
    samples = begin + (block.codes.shape[1] - 1) * header.hop_length - header.pre_skip
    return max(0, samples) * header.source_rate // header.codec_rate


def taken(block: Block, streams: int) -> np.ndarray | Segment:
    """What a decoder stream takes of a block, of so many slots a level."""
    codes = channels(block.codes, streams)
    return codes if block.gain is None else Segment(codes, block.gain)


def channels(frame_slots: np.ndarray, num_channels: int) -> np.ndarray:
    """Slots of a frame [k * C, T], level by level and in each channel by channel, as codes [C, k, T]."""
    num_slots, frames = frame_slots.shape
    return frame_slots.reshape(num_slots // num_channels, num_channels, frames).transpose(1, 0, 2)
