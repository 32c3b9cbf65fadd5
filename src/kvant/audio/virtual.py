"""Python file objects behind libsndfile, with their exceptions kept and their limits known."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import soundfile as sf

from kvant.errors import AudioError

_FOREVER = 2**62


def stream_name(stream: Any) -> str:
    """What to call a file object in messages. Pipes and temporary files have a number for a name."""
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) else "audio"


class VirtualFile:
    """A binary file object as libsndfile's virtual I/O needs it: full reads, and exceptions that are not lost.

    libsndfile calls it from C, where an exception (a full disk, Ctrl-C) would be printed and forgotten. Here the first
    one is kept, everything after it fails, and `calling` raises it. `ended`: the last read met the end of the file. The
    name in messages is `label`, since soundfile would take a `name` as a hint at the format.
    """

    def __init__(self, file: Any, label: str) -> None:
        self.label, self.ended = label, False
        self._file = file
        self._error: BaseException | None = None

    @contextlib.contextmanager
    def calling(self, problem: str) -> Iterator[None]:
        """Run libsndfile calls: AudioError "name: problem (reason)" if they or the disk fail."""
        try:
            yield
        except (sf.SoundFileError, AssertionError) as error:  # soundfile asserts that a write was complete
            if self._error is None:
                reason = getattr(error, "error_string", str(error)).strip(" .")
                raise AudioError(f"{self.label}: {problem} ({reason})") from error
        if isinstance(self._error, OSError):
            raise AudioError(f"{self.label}: {problem} ({self._error.strerror or self._error})") from self._error
        if self._error is not None:
            raise self._error

    def readinto(self, buffer: Any) -> int:
        return self._kept(lambda: self._read_fully(memoryview(buffer)))

    def write(self, data: Any) -> int:
        return self._kept(lambda: self._write_fully(memoryview(data)))

    def flush(self) -> None:
        self._kept(lambda: self._file.flush() or 0)

    def tell(self) -> int:
        return self._kept(self._file.tell)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        # In damaged files libsndfile tries places before the start; it notices by `tell` that it did not get there.
        with contextlib.suppress(ValueError, OSError):
            self._file.seek(offset, whence)
        return self.tell()

    def _read_fully(self, buffer: memoryview) -> int:
        filled = 0
        while filled < len(buffer) and (data := self._file.read(len(buffer) - filled)):
            buffer[filled : filled + len(data)] = data
            filled += len(data)
        self.ended = filled < len(buffer)
        return filled

    def _write_fully(self, data: memoryview) -> int:
        written = 0
        while written < len(data):
            written += self._file.write(data[written:])
        return written

    def _kept(self, call: Callable[[], int]) -> int:
        if self._error is None:
            try:
                return call()
            except BaseException as error:
                self._error = error
        return 0


class Pipe:
    """A stream without seeking, posing as the seekable file that virtual I/O asks for: endless, and always in place.

    It serves libsndfile's headerless RAW format only, which reads and writes in order. At most `num_bytes` are read.
    """

    def __init__(self, stream: Any, num_bytes: int | None = None) -> None:
        self._stream = stream
        self._left = _FOREVER if num_bytes is None else num_bytes
        self._at_end = False

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data

    def write(self, data: memoryview) -> int:
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()

    def seek(self, offset: int, whence: int) -> None:
        self._at_end = whence == os.SEEK_END  # how libsndfile asks for the length

    def tell(self) -> int:
        return _FOREVER if self._at_end else 0


class SequentialSoundFile(sf.SoundFile):
    """A SoundFile read or written in order. A plain one seeks after every block, which pipes cannot do."""

    def seekable(self) -> bool:
        return False
