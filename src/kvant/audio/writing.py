"""Audio files and pipes written block by block: a file appears whole or not at all."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from kvant.audio.validation import check_channels, check_sample_rate, clip, validate
from kvant.audio.virtual import Pipe, SequentialSoundFile, VirtualFile, stream_name
from kvant.audio.wav_pipe import wav_header
from kvant.errors import AudioError
from kvant.files import atomic_write

_SUBTYPES = {  # format -> sample types, the default first
    "wav": ("PCM_16", "PCM_24", "FLOAT"),
    "flac": ("PCM_16", "PCM_24"),
    "ogg": ("VORBIS",),
}
_WIDTHS = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}  # bytes per sample
_BLOCK = 1 << 16
_MAX_WAV_BYTES = 2**32 - 2**16
_MAX_VORBIS_RATE = 200_000  # above it libsndfile 1.2 does not refuse, but crashes


class AudioSink:
    """Audio being written; made by `create_audio`. num_samples: how many it holds so far."""

    def __init__(self, file: VirtualFile, sound: SequentialSoundFile, max_samples: int | None) -> None:
        self.num_samples = 0
        self._file, self._sound, self._max_samples = file, sound, max_samples

    def write(self, block: np.ndarray) -> None:
        """Append `block` [C, n], n >= 0 ([n] if C is 1), of any type `validate` accepts.

        Integer formats and Vorbis are clipped to [-1, 1], never wrapped; FLOAT keeps larger values. Samples that came
        from an integer file of the same width return exactly.
        AudioError: not such an array, a disk or pipe that takes no more, or a wav file beyond 4 GiB.
        """
        wav = validate(block)
        if len(wav) != self._sound.channels:
            raise AudioError(f"{self._file.label}: has {self._sound.channels} channels, got a block of {len(wav)}")
        self.num_samples += wav.shape[1]
        if self._max_samples is not None and self.num_samples > self._max_samples:
            raise AudioError(f"{self._file.label}: a wav file ends at 4 GiB; write flac")
        samples = _stored(wav, self._sound.subtype)
        with self._file.calling("cannot be written"):
            for start in range(0, len(samples), _BLOCK):  # the Vorbis encoder keeps a whole call on its stack
                self._sound.write(samples[start : start + _BLOCK])
            self._file.flush()  # who listens at a pipe hears it now


@contextlib.contextmanager
def create_audio(
    target: str | os.PathLike[str] | BinaryIO,
    sample_rate: int,
    channels: int,
    *,
    format: str | None = None,
    subtype: str | None = None,
    num_samples: int | None = None,
    overwrite: bool = False,
) -> Iterator[AudioSink]:
    """An `AudioSink`; at the end of the block a path holds the finished file, after an exception what it held before.

    target: a path, `-` for standard output, or a binary file object, which is left open. format: wav, flac or ogg; by
    default the path's suffix, elsewhere wav. subtype: PCM_16 (default), PCM_24, or for wav FLOAT. sample_rate: Hz.
    Standard output, and objects that cannot seek, take wav only, with a header that is never corrected: pass the exact
    `num_samples` if it is known, or readers see a length of 0xFFFFFFFF and read to the end.
    AudioError: a format, rate or number of channels that cannot be written. UsageError: as `atomic_write`.
    """
    check_sample_rate(sample_rate)
    check_channels(channels)
    format, subtype = _choose_format(target, format, subtype)
    if subtype == "VORBIS" and sample_rate > _MAX_VORBIS_RATE:
        raise AudioError(
            f"{target}: ogg holds rates up to {_MAX_VORBIS_RATE} Hz, got {sample_rate}; resample, or write wav"
        )
    with contextlib.ExitStack() as stack:
        stream, name, is_pipe = _open_target(target, overwrite, stack)
        problem = f"cannot be written as {format} with {channels} channels at {sample_rate} Hz"
        if not is_pipe:
            file, layout = VirtualFile(stream, name), {"format": format.upper()}
        elif format == "wav":
            file, layout = VirtualFile(Pipe(stream), name), {"format": "RAW", "endian": "LITTLE"}
            file.write(wav_header(sample_rate, channels, subtype, num_samples))
        else:
            raise AudioError(f"{name}: takes wav only, {format} needs a file; name one, or convert the wav further on")
        with file.calling(problem):
            sound = SequentialSoundFile(file, "w", sample_rate, channels, subtype, **layout)
        max_samples = _MAX_WAV_BYTES // (channels * _WIDTHS[subtype]) if format == "wav" and not is_pipe else None
        sink = AudioSink(file, sound, max_samples)
        try:
            yield sink
        finally:
            with file.calling("cannot be written"):
                sound.close()
                file.flush()
        if format == "flac" and not sink.num_samples:
            raise AudioError(f"{name}: a flac file of no samples cannot be made; write wav")


def write(
    target: str | os.PathLike[str] | BinaryIO,
    wav: np.ndarray,
    sample_rate: int,
    *,
    format: str | None = None,
    subtype: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write all of `wav`, as `validate` takes it; clipping as in `AudioSink.write`, the rest as in `create_audio`."""
    wav = validate(wav, sample_rate)
    channels, num_samples = wav.shape
    with create_audio(
        target, sample_rate, channels, format=format, subtype=subtype, num_samples=num_samples, overwrite=overwrite
    ) as sink:
        sink.write(wav)


def _stored(wav: np.ndarray, subtype: str) -> np.ndarray:
    """`wav` [C, n] as the samples [n, C] that libsndfile stores without further rounding."""
    if subtype == "FLOAT":
        return np.ascontiguousarray(wav.T)
    wav = np.ascontiguousarray(clip(wav.T))
    if subtype == "VORBIS":
        return wav
    # libsndfile would scale floats by 2^15 - 1, though it reads integers as multiples of 2^-15.
    full_scale = 2.0 ** (8 * _WIDTHS[subtype] - 1)
    integers = np.minimum(np.rint(wav * full_scale), full_scale - 1)
    return integers.astype(np.int16) if subtype == "PCM_16" else integers.astype(np.int32) << 8


def _choose_format(target: object, format: str | None, subtype: str | None) -> tuple[str, str]:
    if format is None:
        is_path = isinstance(target, str | os.PathLike) and target != "-"
        format = os.path.splitext(str(target))[1].removeprefix(".") if is_path else "wav"
    format = format.lower()
    if format not in _SUBTYPES:
        raise AudioError(f"{target}: cannot write {format or 'a file without a suffix'}; choose .wav, .flac or .ogg")
    if subtype is not None and subtype not in _SUBTYPES[format]:
        raise AudioError(f"{target}: {format} is written as {' or '.join(_SUBTYPES[format])}, not {subtype}")
    return format, subtype or _SUBTYPES[format][0]


def _open_target(target: Any, overwrite: bool, stack: contextlib.ExitStack) -> tuple[BinaryIO, str, bool]:
    """The stream to write to, its name, and whether it is a pipe (cannot seek)."""
    if isinstance(target, str) and target == "-":
        if sys.stdout is None:
            raise AudioError("standard output is closed; name a file")
        return sys.stdout.buffer, "standard output", True  # even if it is a file: `>>` appends, wherever one seeks
    if isinstance(target, str | os.PathLike):
        return stack.enter_context(atomic_write(target, overwrite)), str(target), False
    if isinstance(target, io.TextIOBase):
        raise AudioError(f"{stream_name(target)}: is open in text mode; open it with 'wb'")
    if not hasattr(target, "write"):
        raise AudioError(f"audio is written to a path, - or a binary file object, got {type(target).__name__}")
    is_pipe = not (hasattr(target, "seekable") and target.seekable())
    return target, stream_name(target), is_pipe
