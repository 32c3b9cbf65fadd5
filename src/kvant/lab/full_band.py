"""Full-band voices of a corpus: what tells of the highs."""

import json

import numpy as np
import torch
from torch import Tensor

from kvant.errors import UsageError
from kvant.lab.bench import SAMPLE_RATE, Bench

BANDWIDTH = 11_000


def full_band_voices(bench: Bench, heard: int, tried: int) -> tuple[Tensor, Tensor]:
    """Stretches of a second, [heard, 1, N] and [tried, 1, N], of clips that reach to 11 kHz.

    Every fourth speaker is kept for the second. UsageError: fewer speakers or clips than that takes.
    """
    folder = bench.folder("train")
    clips = [json.loads(line) for line in (folder / "clips.jsonl").read_bytes().splitlines()]
    clips = [clip for clip in clips if clip["bandwidth_hz"] >= BANDWIDTH and clip["length"] >= SAMPLE_RATE]
    kept = set(sorted({clip["speaker"] for clip in clips})[::4])
    pools = [[clip for clip in clips if (clip["speaker"] in kept) == held] for held in (False, True)]
    if len(pools[0]) < heard or len(pools[1]) < tried:
        raise UsageError(
            f"{folder}: {heard} + {tried} clips of a second that reach {BANDWIDTH} Hz are needed, of four speakers or "
            f"more, and there are {len(pools[0])} + {len(pools[1])}; the voices of kvant data fetch have enough"
        )
    audio = np.load(folder / "audio.npy", mmap_mode="r")
    rng = np.random.default_rng(bench.seed)

    def stretch(clip: dict[str, int]) -> np.ndarray:
        start = clip["offset"] + int(rng.integers(clip["length"] - SAMPLE_RATE + 1))
        return np.asarray(audio[start : start + SAMPLE_RATE], np.float32) / 32768

    chosen = [
        np.stack([stretch(pool[place]) for place in rng.permutation(len(pool))[:count]])
        for pool, count in zip(pools, (heard, tried))
    ]
    return torch.from_numpy(chosen[0])[:, None], torch.from_numpy(chosen[1])[:, None]
