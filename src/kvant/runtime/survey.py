"""A recording heard once: what it would cost at any limit on the error of its frames.

How many frames have each level at a limit is counted of all; what a code of each level costs, of some blocks.
"""

from typing import NamedTuple

import numpy as np

from kvant.bitstream import ABSENT, EntropyModel, Header
from kvant.bitstream.block_codes import pack_block
from kvant.bitstream.packing import code_width
from kvant.bitstream.writer import usual_block_frames
from kvant.runtime.all_depths import NUM_PLACES, codes_at, num_rows, places_of
from kvant.runtime.files import slots

MOST_BLOCKS = 40
"""Blocks kept, spread evenly over the recording: all of the first 80 s, of more at least half as many."""


class Prices(NamedTuple):
    """Bits of a code of each level, [K], and of the depth of a frame."""

    codes: np.ndarray
    depth: float


class Survey:
    """Takes rows of `AllDepths`, then tells costs, in bits of blocks of a stream with `header`, packed by `model`.

    frames: of all channels. Memory: `MOST_BLOCKS` blocks, and counts.
    """

    def __init__(self, header: Header, model: EntropyModel | None) -> None:
        self.frames = 0
        self._header, self._model = header, model
        self._levels = header.num_levels
        self._counts = np.zeros((self._levels - 1, NUM_PLACES), np.int64)
        self._length = usual_block_frames(header, model)
        self._waiting = np.zeros((header.streams, num_rows(self._levels), 0), np.int32)
        self._blocks: list[np.ndarray] = []
        self._seen, self._stride = 0, 1  # blocks; of which so many make one that is kept

    def add(self, rows: np.ndarray) -> None:
        """The next frames, [C, R, t]."""
        self.frames += rows.shape[0] * rows.shape[2]
        for counts, places in zip(self._counts, places_of(rows, self._levels).swapaxes(0, 1)):
            counts += np.bincount(places.ravel(), minlength=NUM_PLACES)
        self._waiting = np.concatenate([self._waiting, rows.astype(np.int32)], axis=2)
        while self._waiting.shape[2] >= self._length:
            self._keep(self._waiting[..., : self._length].copy())
            self._waiting = self._waiting[..., self._length :]

    def close(self) -> None:
        """That was all."""
        if self._waiting.shape[2]:
            self._keep(self._waiting)

    def _keep(self, block: np.ndarray) -> None:
        if self._seen % self._stride == 0:
            self._blocks.append(block)
        self._seen += 1
        if len(self._blocks) > MOST_BLOCKS:
            self._blocks = self._blocks[::2]
            self._stride *= 2

    def ends(self, least: int) -> tuple[int, int]:
        """The places of limits that give all frames all levels, but from `least` on, and a single one."""
        occupied = np.flatnonzero(self._counts.any(axis=0))
        one_level = int(occupied.max(initial=0)) + 1
        return min(max(int(occupied.min(initial=one_level)), least), one_level), one_level

    @property
    def nominal(self) -> Prices:
        """What is paid if nothing is coded."""
        sizes = self._header.level_sizes
        return Prices(np.array([code_width(size) for size in sizes], np.float64), code_width(len(sizes) + 1))

    def costs(self, prices: Prices, first: int, last: int) -> np.ndarray:
        """Bits of the whole recording at the places from `first` to `last`, at such prices."""
        deeper = self._counts[:, ::-1].cumsum(axis=1)[:, ::-1][:, first : last + 1]
        return self.frames * (prices.codes[0] + prices.depth) + prices.codes[1:] @ deeper

    def measured(self, place: int, before: Prices) -> Prices:
        """Prices at a place; of levels that the blocks do not have there, those of `before`."""
        bits, counts = np.zeros(self._levels), np.zeros(self._levels)
        depth_bits = frames = 0
        for rows in self._blocks:
            codes = codes_at(rows, self._levels, place)
            block = pack_block(self._header, 0, slots(codes), False, self._model)
            layers = 8 * np.array([len(layer) for layer in block.layers]).reshape(-1, len(rows)).sum(axis=1)
            bits[: len(layers)] += layers
            counts += (codes != ABSENT).sum(axis=(0, 2))
            depth_bits += 8 * block.num_bytes - int(layers.sum())
            frames += rows.shape[0] * rows.shape[2]
        return Prices(np.where(counts > 0, bits / np.maximum(counts, 1), before.codes), depth_bits / frames)
