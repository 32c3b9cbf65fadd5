"""WAV headers of pipes, where nothing can be sought, skipped back to, or corrected afterwards."""

import struct
from typing import BinaryIO, NamedTuple

from kvant.audio.validation import check_channels, check_sample_rate
from kvant.errors import AudioError

_UNKNOWN = 0xFFFFFFFF
# Writers that do not know the length leave 0, 0xFFFFFFFF (ffmpeg), or something close to 2^31 (sox, arecord). So these
# mean "to the end", as does an honest length over 2 GiB. Only where the size of the whole tells of chunks behind the
# samples is 0 an honest 0: an empty recording.
_FIRST_PLACEHOLDER = 0x7FFF0000

_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_SUBTYPES = {  # (format tag, bytes per sample) -> libsndfile's name
    (_PCM, 1): "PCM_U8",
    (_PCM, 2): "PCM_16",
    (_PCM, 3): "PCM_24",
    (_PCM, 4): "PCM_32",
    (_FLOAT, 4): "FLOAT",
    (_FLOAT, 8): "DOUBLE",
    (_ALAW, 1): "ALAW",
    (_ULAW, 1): "ULAW",
}


class WavHeader(NamedTuple):
    sample_rate: int
    channels: int
    subtype: str  # libsndfile's name of the sample type, such as PCM_16
    num_bytes: int | None  # of samples; None when whoever wrote the header did not know


def read_wav_header(stream: BinaryIO, name: str, riff_bytes: int) -> WavHeader:
    """Read from the first chunk (the 12 bytes RIFF....WAVE are gone already) to the first sample.

    riff_bytes: what RIFF says there are behind it, WAVE among them.
    AudioError: the header is cut short or makes no sense, or the samples are of a type that needs seeking (ADPCM, MP3).
    """
    header = None
    passed = len(b"WAVE")
    while True:
        chunk, size = struct.unpack("<4sI", _read(stream, 8, name))
        passed += 8
        if chunk == b"data" and header:
            empty = size == 0 and passed < riff_bytes < _FIRST_PLACEHOLDER
            known = empty or 0 < size < _FIRST_PLACEHOLDER
            return header._replace(num_bytes=size if known else None)
        padded = size + size % 2
        passed += padded
        if chunk == b"fmt ":
            if not 16 <= padded <= 4096:
                raise AudioError(f"{name}: the WAV header is damaged (a format chunk of {size} bytes)")
            header = _parse_format(_read(stream, padded, name), name)
        else:
            for start in range(0, padded, 1 << 16):
                _read(stream, min(1 << 16, padded - start), name)


def wav_header(sample_rate: int, channels: int, subtype: str, num_samples: int | None) -> bytes:
    """The 44 bytes before the samples. An unknown length, or one over 4 GiB, is written as 0xFFFFFFFF: to the end."""
    tag, width = next(key for key, value in _SUBTYPES.items() if value == subtype)
    frame = channels * width
    num_bytes = _UNKNOWN if num_samples is None else min(num_samples * frame, _UNKNOWN)
    layout = struct.pack("<IHHIIHH", 16, tag, channels, sample_rate, sample_rate * frame, frame, 8 * width)
    riff = struct.pack("<4sI8s", b"RIFF", min(num_bytes + 36, _UNKNOWN), b"WAVEfmt ")
    return riff + layout + struct.pack("<4sI", b"data", num_bytes)


def _parse_format(chunk: bytes, name: str) -> WavHeader:
    tag, channels, sample_rate, _, frame = struct.unpack_from("<HHIIH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack_from("<H", chunk, 24)
    check_channels(channels, where=f"{name}: ")
    check_sample_rate(sample_rate, where=f"{name}: ")
    subtype = _SUBTYPES.get((tag, frame // channels))
    if subtype is None or frame % channels:
        raise AudioError(
            f"{name}: WAV samples of this type (tag {tag}) cannot be read from a pipe; save it to a file first"
        )
    return WavHeader(sample_rate, channels, subtype, None)


def _read(stream: BinaryIO, size: int, name: str) -> bytes:
    data = bytearray()
    while len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            raise AudioError(f"{name}: the WAV header is cut short; there are no samples")
        data += more
    return bytes(data)
