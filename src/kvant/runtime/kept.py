"""Codecs loaded before, for calls that name a model and keep none: as long as its files are the same."""

from functools import lru_cache
from pathlib import Path

from kvant.runtime.codec import Codec
from kvant.runtime.entropy import ENTROPY
from kvant.runtime.models import GRAPHS, WEIGHTS, find
from kvant.runtime.opening import load

MOST = 4

State = tuple[tuple[int, int] | None, ...]


def kept(name_or_path: str) -> Codec:
    """As `load`, or what it gave before: the same folder, wherever it was named from, with no file written since."""
    folder = find(name_or_path).resolve()
    return _loaded(folder, tuple(_state(folder / name) for name in (WEIGHTS, *GRAPHS, ENTROPY)))


def _state(path: Path) -> tuple[int, int] | None:
    """When it was written and how long it is; None if it is not there."""
    if not path.is_file():
        return None
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=MOST)
def _loaded(folder: Path, state: State) -> Codec:
    return load(str(folder))
