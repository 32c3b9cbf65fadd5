"""Random segments of a memory-mapped corpus: item k of a run is a function of (seed, k) alone, so a run can resume."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kvant.errors import UsageError


class Batch(NamedTuple):
    """wav: [B, 1, N]. bandwidth: [B] Hz, the highest frequency each source recording carries."""

    wav: Tensor
    bandwidth: Tensor


class Segments:
    """Segments of `seconds` from a corpus directory: `audio.npy` (int16, all clips in a row) and `clips.jsonl`.

    A clip's speaker-language group is drawn with probability proportional to its total length to the power 0.5, so that
    the longest voice does not drown the others; then a clip by length, then a start. Shorter clips are put at a random
    place in silence. Gain: uniform in `gain_db`.
    """

    def __init__(
        self, directory: Path, sample_rate: int, seconds: float, seed: int, gain_db: tuple[float, float] = (-12, 6)
    ) -> None:
        groups: dict[tuple[str, str], list[int]] = {}
        try:
            self.audio = np.load(directory / "audio.npy", mmap_mode="r")
            self.clips = [json.loads(line) for line in (directory / "clips.jsonl").read_text().splitlines()]
            for index, clip in enumerate(self.clips):
                groups.setdefault((clip["speaker"], clip["language"]), []).append(index)
        except OSError as error:
            raise UsageError(f"{directory}: no prepared corpus here ({error.strerror}); make one first") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{directory}: a damaged corpus ({error}); make it again") from error
        if not groups:
            raise UsageError(f"{directory}: a corpus without clips; make it again")
        self.num_samples = round(seconds * sample_rate)
        self.sample_rate = sample_rate
        self.seed = seed
        self.gain_db = gain_db
        self.groups = [np.array(members) for members in groups.values()]
        self.lengths = [np.array([self.clips[i]["length"] for i in members], float) for members in self.groups]
        totals = np.array([lengths.sum() for lengths in self.lengths]) ** 0.5
        self.group_probability = totals / totals.sum()

    def item(self, index: int) -> tuple[np.ndarray, float]:
        """Segment number `index` of the run, float32 [N], and its source's bandwidth in Hz."""
        rng = np.random.default_rng((self.seed, index))
        group = rng.choice(len(self.groups), p=self.group_probability)
        lengths = self.lengths[group]
        clip = self.clips[rng.choice(self.groups[group], p=lengths / lengths.sum())]
        slack = clip["length"] - self.num_samples
        start = clip["offset"] + (int(rng.integers(slack + 1)) if slack > 0 else 0)
        samples = np.asarray(self.audio[start : start + min(clip["length"], self.num_samples)], np.float32) / 32768
        if slack < 0:
            before = int(rng.integers(-slack + 1))
            samples = np.pad(samples, (before, -slack - before))
        gain = 10 ** (rng.uniform(*self.gain_db) / 20)
        peak = float(np.abs(samples).max(initial=1e-9))
        return samples * np.float32(min(gain, 1 / peak)), float(clip["bandwidth_hz"])

    def batch(self, index: int, size: int) -> Batch:
        """Batch number `index`: items index * size .. (index + 1) * size."""
        items = [self.item(k) for k in range(index * size, (index + 1) * size)]
        wav = torch.from_numpy(np.stack([samples for samples, _ in items]))[:, None]
        return Batch(wav, torch.tensor([bandwidth for _, bandwidth in items]))
