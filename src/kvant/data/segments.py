"""Random segments of a memory-mapped corpus: item k of a run is a function of (seed, k) alone, so a run can resume."""

import hashlib
import json
from pathlib import Path

import numpy as np

from kvant.data.balance import Balance, tree
from kvant.data.batch import Batch, placed, stacked
from kvant.errors import UsageError


class Segments:
    """Segments of `seconds` from a corpus directory: `audio.npy` (int16, all clips in a row) and `clips.jsonl`.

    `manifest.json`, if there is one, says its sample rate, which must be `sample_rate`.
    A clip is drawn as `balance` says, then a start. Shorter clips are put at a random place in silence. Gain: uniform
    in `gain_db`. The position in the run is the item's number: there is no other state.

    fingerprint: hex SHA-256 of `clips.jsonl` and the number of samples, for a checkpoint to tell its corpus by.
    UsageError: no prepared corpus there, a damaged one, or one of another rate.
    """

    def __init__(
        self,
        directory: Path,
        sample_rate: int,
        seconds: float,
        seed: int,
        gain_db: tuple[float, float] = (-12, 6),
        balance: Balance | None = None,
    ) -> None:
        try:
            self.audio = np.load(directory / "audio.npy", mmap_mode="r")
            lines = (directory / "clips.jsonl").read_bytes()
            clips = [json.loads(line) for line in lines.splitlines()]  # as bytes, which U+2028 does not break
            table = np.array([(each["offset"], each["length"], each["bandwidth_hz"]) for each in clips], np.int64)
            self.offsets, self.lengths, self.bandwidths = table.reshape(-1, 3).T
            self.tree = tree(clips, self.lengths, balance or Balance())
            manifest = directory / "manifest.json"
            rate = json.loads(manifest.read_bytes())["sample_rate"] if manifest.exists() else sample_rate
        except OSError as error:
            raise UsageError(f"{directory}: no prepared corpus here ({error.strerror}); make one first") from error
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise UsageError(f"{directory}: a damaged corpus ({error}); make it again") from error
        missing = int((self.offsets + self.lengths).max()) - len(self.audio)
        if missing > 0 or self.offsets.min() < 0:
            raise UsageError(f"{directory}: audio.npy and clips.jsonl do not belong together; make the corpus again")
        if rate != sample_rate:
            raise UsageError(f"{directory}: is at {rate} Hz, not {sample_rate}; prepare it with --rate {sample_rate}")
        self.num_samples = round(seconds * sample_rate)
        self.sample_rate = sample_rate
        self.seed = seed
        self.gain_db = gain_db
        self.fingerprint = hashlib.sha256(lines + b"\n%d" % len(self.audio)).hexdigest()

    def item(self, index: int, epoch: int = 0) -> tuple[np.ndarray, float]:
        """Segment number `index` of the run, float32 [N], and its source's bandwidth in Hz.

        Clips are drawn with replacement, so a run needs no epochs; another `epoch` is another sequence.
        """
        rng = np.random.default_rng((self.seed, index, epoch))
        clip = self.tree.draw(rng)
        length = int(self.lengths[clip])
        slack = length - self.num_samples
        start = int(self.offsets[clip]) + (int(rng.integers(slack + 1)) if slack > 0 else 0)
        samples = np.asarray(self.audio[start : start + min(length, self.num_samples)], np.float32) / 32768
        return placed(samples, self.num_samples, self.gain_db, rng), float(self.bandwidths[clip])

    def batch(self, index: int, size: int, epoch: int = 0) -> Batch:
        """Batch number `index`: items index * size .. (index + 1) * size."""
        return stacked([self.item(k, epoch) for k in range(index * size, (index + 1) * size)])
