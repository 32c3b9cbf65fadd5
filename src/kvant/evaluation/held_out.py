"""Clips for an evaluation from a prepared split, balanced over its speakers."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from kvant.errors import UsageError
from kvant.evaluation.alignment import Array
from kvant.evaluation.clip import LONGEST, SHORTEST, UNKNOWN, Clip

PAUSE = 0.1  # s


def held_out_clips(split: Path, count: int, seed: int = 0) -> list[Clip]:
    """At most `count` clips of 3 to 8 s from a folder of `audio.npy`, `clips.jsonl`, `manifest.json`.

    In turn one clip of each (source, speaker), so that all weigh alike however much they recorded. Recordings are
    drawn without replacement in an order fixed by `seed`; short ones of the same speaker are joined, 0.1 s apart, until
    3 s are reached; those that would pass 8 s are skipped. UsageError if the folder is not such a split.
    """
    try:
        rows = [json.loads(line) for line in (split / "clips.jsonl").read_text(encoding="utf-8").splitlines()]
        rate = json.loads((split / "manifest.json").read_text(encoding="utf-8"))["sample_rate"]
        audio = np.load(split / "audio.npy", mmap_mode="r")
        groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in rows:
            groups.setdefault((row["source"], row["speaker"]), []).append(row)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{split}: not a prepared split ({type(error).__name__}: {error})") from error
    rng = np.random.default_rng(seed)
    pools = [[group[index] for index in rng.permutation(len(group))] for _, group in sorted(groups.items())]
    clips: list[Clip] = []
    while len(clips) < count:
        pools = [pool for pool in pools if pool]
        if not pools:
            break
        for pool in pools[: count - len(clips)]:
            clip = _draw(pool, audio, rate)
            clips += [clip] if clip else []
    return clips


def _draw(pool: list[dict[str, Any]], audio: np.ndarray, rate: int) -> Clip | None:
    pause = np.zeros(round(PAUSE * rate), np.float32)
    wav: Array = np.zeros(0, np.float32)
    names: list[str] = []
    while pool:
        row = pool.pop()
        part = audio[row["offset"] : row["offset"] + row["length"]].astype(np.float32) / 32768
        joined = np.concatenate([wav, pause, part]) if names else part
        if len(joined) <= LONGEST * rate:
            wav = joined
            names.append(row["id"])
        if len(wav) >= SHORTEST * rate:
            name = f"{row['source']}/{row['speaker']}: {' '.join(names)}"
            return Clip(wav, rate, name, row["speaker"], row.get("language", UNKNOWN), row["source"])
    return None
