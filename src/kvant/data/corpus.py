"""A split of a corpus on disk, written clip by clip: what `Segments` reads.

audio.npy      int16 little-endian [total samples]: all clips end to end, memory-mappable
clips.jsonl    one clip a line: id, source, path, speaker, language, offset, length, source_rate, bandwidth_hz, ...
manifest.json  what it was made of, and how
"""

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kvant.errors import UsageError
from kvant.files import atomic_write

FILES = ("audio.npy", "clips.jsonl", "manifest.json")


class SplitWriter:
    """A split being written; made by `create_split`. num_samples, num_clips: what it holds so far."""

    def __init__(self, name: str, audio: BinaryIO, lines: BinaryIO) -> None:
        self.name = name
        self.num_samples = self.num_clips = 0
        self.manifest: dict[str, Any] = {}
        self._audio, self._lines = audio, lines
        audio.write(_header(0))

    def add(self, samples: np.ndarray, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Append a clip, int16 [n]; its line is id, `before`, offset, length, `after`."""
        row = {"id": f"{self.name}-{self.num_clips:05d}", **before}
        row |= {"offset": self.num_samples, "length": len(samples), **after}
        self._lines.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        self._audio.write(np.ascontiguousarray(samples, "<i2").data)
        self.num_samples += len(samples)
        self.num_clips += 1

    def finish(self) -> None:
        """Put the length into the header, for which NumPy leaves room."""
        self._audio.seek(0)
        self._audio.write(_header(self.num_samples))


def check_absent(folders: list[Path]) -> None:
    """UsageError if one of `folders` holds a split already: better before the work than after."""
    for path in (folder / name for folder in folders for name in FILES):
        if path.exists():
            raise UsageError(f"{path}: exists already; use -f (overwrite=True) to replace it")


@contextlib.contextmanager
def create_split(folder: Path, overwrite: bool = False) -> Iterator[SplitWriter]:
    """A `SplitWriter` for `folder`, named as it; its files appear when the block ends well, or none of them does.

    `manifest` is to be set before the end. UsageError: a file of those exists and `overwrite` is false, or cannot be
    written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made ({error.strerror}); name another folder") from error
    with contextlib.ExitStack() as stack:
        manifest, lines, audio = (
            stack.enter_context(atomic_write(folder / name, overwrite)) for name in reversed(FILES)
        )
        writer = SplitWriter(folder.name, audio, lines)
        yield writer
        writer.finish()
        manifest.write((json.dumps(writer.manifest, indent=2, ensure_ascii=False) + "\n").encode())


def _header(num_samples: int) -> bytes:
    header = io.BytesIO()
    layout = {"descr": "<i2", "fortran_order": False, "shape": (num_samples,)}
    np.lib.format.write_array_header_1_0(header, layout)
    return header.getvalue()
