"""WebDataset shards: tar files in which `KEY.flac` and `KEY.json` are one recording and what is known of it."""

import io
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kvant.data.scanning import SUFFIXES
from kvant.errors import UsageError


class TarShards:
    """The audio files in uncompressed tar files on a disk, in the files' order; for `ShardedSegments`.

    Opening reads the headers of all members and none of their contents. Of several audio files with one key, such as
    `a.flac` and `a.mp3`, the first counts.
    UsageError: no shards, or one that is missing, compressed, damaged, cut short, or without audio.
    """

    def __init__(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        self.paths = [Path(path) for path in paths]
        if not self.paths:
            raise UsageError("no shards; name at least one .tar file")
        self._names: list[list[str]] = []
        self._extents: list[np.ndarray] = []
        for path in self.paths:
            names, extents = _index(path)
            self._names.append(names)
            self._extents.append(np.array(extents, np.int64))
        self.sizes = [len(names) for names in self._names]

    def open(self, shard: int, number: int) -> tuple[str, BinaryIO]:
        """Recording `number` of a shard: `shard.tar: member`, and its bytes. UsageError: the shard cannot be read."""
        path = self.paths[shard]
        offset, size = (int(each) for each in self._extents[shard][number])
        try:
            with open(path, "rb") as file:
                file.seek(offset)
                data = file.read(size)
        except OSError as error:
            raise UsageError(f"{path}: cannot be read any more ({error.strerror}); put it back and resume") from error
        return f"{path}: {self._names[shard][number]}", io.BytesIO(data)


def _index(path: Path) -> tuple[list[str], list[tuple[int, int]]]:
    """Names, and (offset, size) in bytes, of the audio in a tar file."""
    names, extents, keys = list[str](), list[tuple[int, int]](), set[str]()
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                key = os.path.join(os.path.dirname(member.name), os.path.basename(member.name).split(".")[0])
                if member.isfile() and member.name.lower().endswith(SUFFIXES) and key not in keys:
                    keys.add(key)
                    names.append(member.name)
                    extents.append((member.offset_data, member.size))
                tar.members.clear()  # type: ignore[attr-defined]  # tarfile keeps every header it has seen
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    except tarfile.TarError as error:
        raise UsageError(
            f"{path}: not an uncompressed tar file, or damaged ({error}); unpack .gz, or get it again"
        ) from error
    if not names:
        raise UsageError(f"{path}: has no audio files; leave it out")
    if sum(extents[-1]) > path.stat().st_size:
        raise UsageError(f"{path}: is cut short; get it again")
    return names, extents
