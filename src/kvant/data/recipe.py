"""What a corpus of open recordings is made of."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple


class Source(NamedTuple):
    """One recording before decoding. `path` is relative to the cache."""

    split: str
    package: str
    path: str
    speaker: str
    language: str


class Recipe(NamedTuple):
    """A corpus made of Debian packages. licences: of each package. sources: every recording in the unpacked cache."""

    contents: str
    licences: Mapping[str, str]
    sources: Callable[[Path], Iterator[Source]]
