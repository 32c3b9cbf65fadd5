"""Random segments of recordings in shards, too many to prepare: read where they are, and resumable by number."""

import logging
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import BinaryIO, Protocol

import numpy as np

from kvant.audio import resample
from kvant.data.activity import active_frames, frame_size, framed, levels
from kvant.data.bandwidth import BAND, band_powers, bandwidth
from kvant.data.batch import Batch, placed, stacked
from kvant.data.windows import Window, open_window
from kvant.errors import AudioError, UsageError

CONTEXT = 5.0  # s around a segment over which its bandwidth is measured
ATTEMPTS = 100

logger = logging.getLogger(__name__)


class Recordings(Protocol):
    """Recordings in shards, where those of one shard lie close together."""

    sizes: Sequence[int]
    """How many recordings each shard holds."""

    def open(self, shard: int, number: int) -> tuple[str, BinaryIO]:
        """Recording `number` of a shard: its name for messages, and its file, read and seekable."""


class ShardedSegments:
    """Segments of `seconds` of `recordings`, each recording once an epoch, at a random start and gain.

    Item k is a function of (seed, k) alone: epoch k // total is another order of the shards, and in it every `mixed`
    consecutive shards are shuffled together, so that what is read lies in few places at a time. Channels are averaged;
    the bandwidth is that of the recording within 5 s of the segment. A recording that cannot be read is named once, in
    the log and, by its `place`, in `errors`; the next one is heard instead.

    UsageError: no recordings. AudioError, from `item`: a hundred in a row cannot be read.
    """

    def __init__(
        self,
        recordings: Recordings,
        sample_rate: int,
        seconds: float,
        seed: int,
        gain_db: tuple[float, float] = (-12, 6),
        mixed: int = 8,
    ) -> None:
        self.recordings = recordings
        self.sizes = np.array(recordings.sizes, np.int64)
        self.total = int(self.sizes.sum())
        if not self.total or mixed < 1:
            raise UsageError("there are no recordings in these shards" if mixed > 0 else "mix at least 1 shard")
        self.sample_rate, self.seconds, self.seed = sample_rate, seconds, seed
        self.num_samples = round(seconds * sample_rate)
        self.gain_db, self.mixed = gain_db, mixed
        self.errors: dict[tuple[int, int], str] = {}
        self._pool = lru_cache(maxsize=2)(self._shuffle)

    def place(self, index: int) -> tuple[int, int]:
        """Shard, and number in it, of the recording that item `index` is of."""
        epoch, position = divmod(index, self.total)
        shards = np.random.default_rng((self.seed, epoch)).permutation(len(self.sizes))
        ends = self.sizes[shards].cumsum()
        group = int(ends.searchsorted(position, side="right")) // self.mixed
        before = int(ends[group * self.mixed - 1]) if group else 0
        shard, number = self._pool(epoch, group)[position - before]
        return int(shard), int(number)

    def item(self, index: int) -> tuple[np.ndarray, float]:
        """Segment number `index` of the run, float32 [N], and its source's bandwidth in Hz."""
        for attempt in range(ATTEMPTS):
            place = self.place(index + attempt)
            try:
                name, file = self.recordings.open(*place)
                with file, open_window(file, name) as window:
                    return self._segment(window, name, np.random.default_rng((self.seed, index, attempt, 1)))
            except AudioError as error:
                if place not in self.errors:
                    self.errors[place] = str(error)
                    logger.warning("left out: %s", error)
        raise AudioError(f"{self.errors[place]}; {ATTEMPTS - 1} recordings before it are no better: check the shards")

    def batch(self, index: int, size: int) -> Batch:
        """Batch number `index`: items index * size .. (index + 1) * size."""
        return stacked([self.item(k) for k in range(index * size, (index + 1) * size)])

    def _shuffle(self, epoch: int, group: int) -> np.ndarray:
        """(shard, number) [n, 2] of all recordings of a group of shards in their order."""
        shards = np.random.default_rng((self.seed, epoch)).permutation(len(self.sizes))
        chosen = shards[group * self.mixed : (group + 1) * self.mixed]
        pairs = np.concatenate([np.stack([np.full(n, s), np.arange(n)], 1) for s, n in zip(chosen, self.sizes[chosen])])
        return np.random.default_rng((self.seed, epoch, group, 2)).permutation(pairs)

    def _segment(self, window: Window, name: str, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        rate = window.sample_rate
        size = frame_size(rate, name)
        wanted = math.ceil(self.seconds * rate)
        slack = window.num_samples - wanted
        start = int(rng.integers(slack + 1)) if slack > 0 else 0
        first = max(start - round(CONTEXT * rate), 0)
        wav = window.read(first, start + wanted + round(CONTEXT * rate) - first)
        if not len(wav):
            raise AudioError(f"{name}: holds no samples; leave it out")
        frames = framed(wav, size)
        active = active_frames(levels(frames))
        # Of silence every frequency is known.
        width = bandwidth([band_powers(frames[active], rate, rate // 2 // BAND)]) if len(active) else rate // 2
        begin = round((start - first) * self.sample_rate / rate)
        samples = resample(wav, rate, self.sample_rate)[begin : begin + self.num_samples]
        return placed(samples, self.num_samples, self.gain_db, rng), float(width)
