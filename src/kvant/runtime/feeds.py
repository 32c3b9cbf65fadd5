"""Blocks of frames into half a codec as they come, and out what they decide: at once, or when enough has been heard.

A feed serves one stream: `push` blocks, then `flush`; both give a list of blocks, and the feed is then as new.
"""

from math import ceil, isinf
from typing import NamedTuple, Protocol

import numpy as np

from kvant.bitstream import ABSENT
from kvant.errors import UsageError
from kvant.runtime.graph import State


class Half(Protocol):
    """Half a codec, block by block. One that looks ahead takes in place of a state the number of the first frame."""

    def initial_state(self, batch: int) -> State: ...
    def step(self, block: np.ndarray, state: State) -> tuple[np.ndarray, State]: ...


class Feed(Protocol):
    """What a stream of frames goes through."""

    def push(self, block: np.ndarray) -> list[np.ndarray]: ...
    def flush(self) -> list[np.ndarray]: ...


class Axes(NamedTuple):
    """Where frames are counted in what goes in, and in what comes out; rows: so many of what goes in are a frame."""

    taken: int
    given: int
    rows: int = 1


class Overlap(NamedTuple):
    """Frames that what looks ahead must hear before a piece and behind it; both infinite if it hears everything."""

    before: float
    behind: float


class StepFeed:
    """Steps from state to state. A stream begins with `first_frames` or more; what follows waits for itself alone.

    most: frames to go at a time, which bounds memory, whatever is pushed at once; at least `first_frames`.
    """

    def __init__(self, half: Half, batch: int, axes: Axes, first_frames: int, most: int) -> None:
        self._half, self._batch, self._axes = half, batch, axes
        self._first_frames, self._most = first_frames, max(first_frames, most)
        self._restart()

    def push(self, block: np.ndarray) -> list[np.ndarray]:
        """What is decided now."""
        self._waiting.append(block)
        self._rows += block.shape[self._axes.taken]
        return self._run() if self._rows >= self._wanted else []

    def flush(self) -> list[np.ndarray]:
        """The rest."""
        outputs = self._run() if self._rows else []
        self._restart()
        return outputs

    def _restart(self) -> None:
        self._state = self._half.initial_state(self._batch)
        self._wanted = self._first_frames * self._axes.rows
        self._waiting: list[np.ndarray] = []
        self._rows = 0

    def _run(self) -> list[np.ndarray]:
        outputs, axis = [], self._axes.taken
        block, most = joined(self._waiting, axis), self._most * self._axes.rows
        for start in range(0, self._rows, most):
            output, self._state = self._half.step(cut(block, axis, start, start + most), self._state)
            outputs.append(output)
        self._waiting, self._rows, self._wanted = [], 0, 1
        return outputs


class PieceFeed:
    """Pieces of a signal, each continued by its overlap; what the cuts have touched is dropped.

    So a frame waits for those behind it, and small blocks cost the whole overlap for each of them. If the overlap is
    infinite, everything goes through at once, at the flush. most: frames to go at a time; then, that there may be.
    """

    def __init__(self, half: Half, batch: int, axes: Axes, overlap: Overlap, most: int) -> None:
        self._half, self._batch, self._axes = half, batch, axes
        self._before, self._behind = overlap
        self._most = most
        self._restart()

    def push(self, block: np.ndarray) -> list[np.ndarray]:
        """What is decided now. UsageError: more than can go through at once."""
        self._waiting.append(block)
        self._rows += block.shape[self._axes.taken]
        if isinf(self._behind) and self._rows > self._most * self._axes.rows:
            raise UsageError(
                f"a signal of more than {self._most} frames: this model hears all of it at once, so memory grows with "
                "its length: cut it into shorter ones, or code it in Python with chunk=, if its page says so"
            )
        return self._run(self._first + self._rows // self._axes.rows - self._behind)

    def flush(self) -> list[np.ndarray]:
        """The rest; the last frame may be no whole one."""
        outputs = self._run(self._first + ceil(self._rows / self._axes.rows))
        self._restart()
        return outputs

    def _restart(self) -> None:
        self._waiting: list[np.ndarray] = []
        self._rows = 0
        self._first: float = 0
        """Number of the frame that what waits begins with."""
        self._next: float = 0
        """Number of the next frame to give."""

    def _run(self, decided: float) -> list[np.ndarray]:
        if decided <= self._next:
            return []
        outputs, (taken, given, rows) = [], self._axes
        heard = joined(self._waiting, taken)
        while self._next < decided:
            stop = min(self._next + self._most, decided)
            first, last = max(self._next - self._before, 0), min((stop + self._behind - self._first) * rows, self._rows)
            piece = cut(heard, taken, (first - self._first) * rows, last)
            output, _ = self._half.step(piece, (np.full(self._batch, first, np.int64),))
            outputs.append(cut(output, given, self._next - first, stop - first))
            self._next = stop
        kept = max(self._next - self._before, self._first)
        self._waiting = [cut(heard, taken, (kept - self._first) * rows, self._rows)]
        self._rows, self._first = self._waiting[0].shape[taken], kept
        return outputs


def joined(blocks: list[np.ndarray], axis: int) -> np.ndarray:
    """Blocks one behind the other; levels that one of codes lacks are absent there."""
    depth = max(block.shape[1] for block in blocks)
    if axis != 1 and any(block.shape[1] < depth for block in blocks):
        missing = [((0, 0), (0, depth - block.shape[1]), (0, 0)) for block in blocks]
        blocks = [np.pad(block, widths, constant_values=ABSENT) for block, widths in zip(blocks, missing)]
    return np.concatenate(blocks, axis)


def cut(block: np.ndarray, axis: int, start: float, stop: float) -> np.ndarray:
    """What lies from start to stop along an axis."""
    return block[(slice(None),) * axis + (slice(int(start), int(stop)),)]
