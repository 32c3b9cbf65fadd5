"""Audio files, pipes and file objects as float32 blocks, in constant memory."""

import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import soundfile as sf

from kvant.audio.validation import check_channels, check_finite, check_sample_rate
from kvant.audio.virtual import Pipe, SequentialSoundFile, VirtualFile, stream_name
from kvant.audio.wav_pipe import read_wav_header
from kvant.errors import AudioError

_BLOCK = 1 << 16
_HEAD = 12
_MAX_DECLARED = 2**32

# what files of these kinds start with, from which byte
_UNREADABLE = [
    (4, b"ftyp", "MP4/M4A (AAC, ALAC)"),
    (0, b"\x1a\x45\xdf\xa3", "WebM/Matroska"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (0, b"ADIF", "AAC"),
    (0, b"\x30\x26\xb2\x75", "WMA"),
    (0, b"#!AMR", "AMR"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
]


class AudioSource:
    """Audio being read, in order and once; made by `open_audio`, and a context manager that closes it.

    name: for messages. sample_rate: Hz. channels: C. num_samples: N as the header declares it, None from a WAV
    pipe or beyond 4 GiB; `blocks` gives fewer if the file is cut short.
    """

    def __init__(self, file: VirtualFile, sound: sf.SoundFile, num_samples: int | None, stack: contextlib.ExitStack):
        self.name = file.label
        self.sample_rate: int = sound.samplerate
        self.channels: int = sound.channels
        self.num_samples = num_samples
        self._file, self._sound, self._stack = file, sound, stack
        self._position = 0

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """The samples from here on, as float32 [C, n], 1 <= n <= size; only the last block is shorter than `size`.

        Integer formats are scaled to [-1, 1); floats come as stored, and may exceed it.
        AudioError: `size` < 1, NaN or infinite samples, or data that cannot be decoded. Where a file is merely cut
        short, what is there is given.
        """
        if size < 1:
            raise AudioError(f"the size of a block must be at least 1 sample, got {size}")
        while True:
            block = self._read(size)
            if not len(block):
                return
            wav = np.ascontiguousarray(block.T)
            check_finite(wav, self.name, self._position)
            self._position += len(block)
            yield wav

    def close(self) -> None:
        """Close what `open_audio` opened; a file object passed to it stays open."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, size: int) -> np.ndarray:
        block = np.full((size, self.channels), np.nan, np.float32)
        try:
            with self._file.calling("the data is damaged"):
                return self._sound.read(out=block)
        except AudioError as error:
            if not isinstance(error.__cause__, sf.SoundFileError):
                raise
            decoded = int(np.count_nonzero(~np.isnan(block[:, 0])))  # soundfile does not tell how far it got
            if self._file.ended:  # a FLAC file cut short; other formats just end
                return block[:decoded]
            seconds = (self._position + decoded) / self.sample_rate
            raise AudioError(f"{error} after {seconds:.2f} s; repair the file, or cut it there") from error


def open_audio(source: str | os.PathLike[str] | BinaryIO) -> AudioSource:
    """Open audio for reading in blocks: everything libsndfile decodes (wav, flac, ogg, opus, mp3, aiff, ...).

    source: a path, `-` for standard input, or a binary file object, which is read from its start and left open. WAV
    from a pipe is decoded as it arrives; another format from a pipe is first copied to a temporary file.
    AudioError: missing, forbidden, empty, not audio, a format to convert first, or impossible rate or channels.
    """
    with contextlib.ExitStack() as stack:
        stream, name = _open_stream(source, stack)
        try:
            file, layout = _prepare(stream, name, stack)
        except OSError as error:
            raise AudioError(f"{name}: cannot be read ({error.strerror or error})") from error
        with file.calling("not audio that can be read, or damaged at its start"):
            sound = SequentialSoundFile(file, **layout)
        stack.callback(sound.close)
        check_sample_rate(sound.samplerate, where=f"{name}: ")
        check_channels(sound.channels, where=f"{name}: ")
        return AudioSource(file, sound, None if layout else sound.frames, stack.pop_all())


def read(source: str | os.PathLike[str] | BinaryIO) -> tuple[np.ndarray, int]:
    """All of `source` as float32 [C, N], and its sample rate in Hz. Sources, scaling and errors as `open_audio`."""
    with open_audio(source) as audio:
        empty = np.zeros((audio.channels, 0), np.float32)
        # The header's N is not trusted with the allocation.
        return np.concatenate([empty, *audio.blocks(_BLOCK)], axis=1), audio.sample_rate


def _open_stream(source: Any, stack: contextlib.ExitStack) -> tuple[BinaryIO, str]:
    if isinstance(source, str) and source == "-":
        if sys.stdin is None:
            raise AudioError("standard input is closed; name a file")
        return sys.stdin.buffer, "standard input"
    if isinstance(source, io.TextIOBase):
        raise AudioError(f"{stream_name(source)}: is open in text mode; open it with 'rb'")
    if hasattr(source, "read"):
        return source, stream_name(source)
    if not isinstance(source, str | os.PathLike):
        raise AudioError(f"audio is read from a path, - or a binary file object, got {type(source).__name__}")
    if os.path.isdir(source):
        raise AudioError(f"{source}: is a folder; name an audio file in it")
    try:
        return stack.enter_context(open(source, "rb")), str(source)
    except FileNotFoundError:
        raise AudioError(f"{source}: no such file; check the name") from None
    except PermissionError as error:
        raise AudioError(f"{source}: you may not read this file; ask its owner, or change its permissions") from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{source}: cannot be read ({getattr(error, 'strerror', error)})") from error


def _prepare(stream: Any, name: str, stack: contextlib.ExitStack) -> tuple[VirtualFile, dict[str, Any]]:
    """The file for libsndfile to read, and the layout of its samples if it comes without a header."""
    seekable = hasattr(stream, "seekable") and stream.seekable()
    # libsndfile would stop after the 4 GiB that a WAV header can declare.
    is_long = seekable and stream.seek(0, os.SEEK_END) > _MAX_DECLARED
    if seekable:
        stream.seek(0)
    head = _read_head(stream, name)
    if (is_long or not seekable) and head.startswith(b"RIFF") and head.endswith(b"WAVE"):
        header = read_wav_header(stream, name, int.from_bytes(head[4:8], "little"))
        layout = {"samplerate": header.sample_rate, "channels": header.channels, "subtype": header.subtype}
        return VirtualFile(Pipe(stream, header.num_bytes), name), {**layout, "format": "RAW", "endian": "LITTLE"}

    if not seekable:
        pipe, stream = stream, stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        stream.write(head)
        shutil.copyfileobj(pipe, stream)
    stream.seek(0)
    return VirtualFile(stream, name), {}


def _read_head(stream: Any, name: str) -> bytes:
    head: bytes = stream.read(_HEAD)
    while len(head) < _HEAD and (more := stream.read(_HEAD - len(head))):
        head += more
    if not head:
        raise AudioError(f"{name}: is empty (0 bytes)")
    for start, magic, kind in _UNREADABLE:
        if head.startswith(magic, start):
            raise AudioError(f"{name}: {kind} cannot be read; convert it first: ffmpeg -i IN OUT.flac")
    return head
