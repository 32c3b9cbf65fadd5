"""Clips for an evaluation from whatever a folder holds."""

import os
from pathlib import Path

import numpy as np

from kvant.audio import open_audio
from kvant.errors import UsageError
from kvant.evaluation.clip import LONGEST, UNKNOWN, Clip
from kvant.evaluation.held_out import held_out_clips
from kvant.suffixes import READABLE

DEFAULT_COUNT = 24


def find_clips(folder: Path, count: int | None = None, seed: int = 0) -> list[Clip]:
    """Clips of a prepared split (`clips.jsonl`), or of the audio files below a folder; `count`, or at most 24.

    UsageError: no such folder, nothing usable in it, fewer clips than `count`, or a `count` below 1.
    """
    if count is not None and count < 1:
        raise UsageError(f"{count} clips: at least 1 must be taken")
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    inner = [name for name in ("train", "dev", "test") if (folder / name / "clips.jsonl").is_file()]
    if inner:
        raise UsageError(f"{folder}: a corpus of several splits; name one, such as {folder / inner[-1]}")
    prepared = (folder / "clips.jsonl").is_file()
    clips = (held_out_clips if prepared else recorded_clips)(folder, DEFAULT_COUNT if count is None else count, seed)
    if not clips:
        raise UsageError(f"{folder}: holds neither a prepared split nor audio files ({' '.join(READABLE)})")
    if count is not None and len(clips) < count:
        raise UsageError(f"{folder}: gives only {len(clips)} clips, {count} are asked for")
    return clips


def recorded_clips(folder: Path, count: int, seed: int = 0) -> list[Clip]:
    """At most `count` clips of the audio files below `folder`, in turn one of each speaker: the folder a file is in.

    Files are drawn in an order fixed by `seed`; of one longer than 8 s an excerpt of 8 s is taken. Channels are
    averaged. Hidden files, and those without samples, are left out. AudioError: a file that cannot be read.
    """
    rng = np.random.default_rng(seed)
    groups: dict[str, list[Path]] = {}
    for path in _files(folder):
        parent = path.relative_to(folder).parent
        groups.setdefault(UNKNOWN if parent == Path(".") else parent.as_posix(), []).append(path)
    pools = {speaker: [group[index] for index in rng.permutation(len(group))] for speaker, group in groups.items()}
    chosen: list[tuple[str, Path]] = []
    while len(chosen) < count and any(pools.values()):
        chosen += [(speaker, pool.pop()) for speaker, pool in pools.items() if pool]
    clips = [_excerpt(path, folder, speaker, rng) for speaker, path in chosen[:count]]
    return [clip for clip in clips if len(clip.wav)]


def _files(folder: Path) -> list[Path]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in names if name.lower().endswith(READABLE) and not name.startswith(".")]
    return sorted(found)


def _excerpt(path: Path, folder: Path, speaker: str, rng: np.random.Generator) -> Clip:
    with open_audio(str(path)) as source:
        size = round(LONGEST * source.sample_rate)
        start = int(rng.integers(max((source.num_samples or 0) - size, 0) + 1))
        kept = []
        position = 0
        for block in source.blocks(size):
            kept.append(block[:, max(start - position, 0) : max(start + size - position, 0)])
            position += block.shape[1]
            if position >= start + size:
                break
        wav = np.concatenate([np.zeros((source.channels, 0), np.float32), *kept], axis=1).mean(axis=0)
        name = path.relative_to(folder).as_posix()
        return Clip(wav.astype(np.float32), source.sample_rate, name, speaker, UNKNOWN, folder.name)
