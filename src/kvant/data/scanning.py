"""A folder of audio, file by file."""

import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from kvant.data.labels import Labels
from kvant.data.manifest import Recording
from kvant.data.measuring import measure
from kvant.data.parallel import ordered_map
from kvant.errors import UsageError
from kvant.suffixes import READABLE, UNREADABLE

SUFFIXES = (*READABLE, *UNREADABLE)


class Found(NamedTuple):
    """The files of a folder: audio, by relative path with `/`, and how many others there are."""

    audio: list[str]
    others: int


def find_audio(root: Path) -> Found:
    """All audio below `root` in a fixed order, hidden files and folders aside. UsageError: no folder, or no audio."""
    if not root.is_dir():
        raise UsageError(f"{root}: is no folder; name one that holds audio files")

    def refuse(error: OSError) -> None:
        raise error

    audio, others = [], 0
    for parent, folders, names in os.walk(root, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        shown = sorted(name for name in names if not name.startswith("."))
        chosen = [name for name in shown if name.lower().endswith(SUFFIXES)]
        audio += [(Path(parent) / name).relative_to(root).as_posix() for name in chosen]
        others += len(shown) - len(chosen)
    if not audio:
        raise UsageError(f"{root}: no audio files in this folder ({others} of other kinds)")
    return Found(audio, others)


def scan(root: Path, names: list[str], labels: Labels, workers: int = 1) -> Generator[Recording]:
    """What each of the files `names` below `root` is, in their order; `workers` processes measure."""
    first: dict[str, str] = {}
    with closing(ordered_map(partial(_measure_below, root), names, workers)) as measured:
        for recording in measured:
            recording = recording.labelled(labels(recording.path))
            if recording.level_dbfs is not None and not recording.errors:
                earlier = first.setdefault(recording.audio_sha256, recording.path)
                if earlier != recording.path:
                    recording = replace(recording, duplicate_of=earlier)
            yield recording


def _measure_below(root: Path, name: str) -> Recording:
    return measure(root / name, name)
