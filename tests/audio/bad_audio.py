"""Audio as it really arrives: arrays and files that must give a named error or a defined result, at every entrance."""

import io
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile as sf

RATE = 16000
TONE = np.round(np.sin(np.arange(20000) * 0.1) * 16384).astype(np.int16)
NOISE = np.random.default_rng(0).integers(-8192, 8192, 20000).astype(np.int16)


class BadArray(NamedTuple):
    name: str
    wav: Any
    sample_rate: Any = RATE
    error: str | None = None  # the message matches this expression; None: it is accepted
    result: np.ndarray | None = None  # the exact result if accepted; None: equal to `wav`


class BadFile(NamedTuple):
    name: str  # of the file
    content: bytes | None  # None: no such file
    error: str | None = None
    num_samples: range = range(0)  # what is decoded if there is no error


def _with(index: tuple[int, int], value: float) -> np.ndarray:
    wav = np.zeros((2, 100), np.float32)
    wav[index] = value
    return wav


def _ramp(*shape: int) -> np.ndarray:
    return np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def _read_only() -> np.ndarray:
    wav = _ramp(2, 10)
    wav.flags.writeable = False
    return wav


BAD_ARRAYS = [
    BadArray("nan", _with((1, 7), np.nan), error="1 samples are NaN or infinite, the first is sample 7 of channel 1"),
    BadArray("inf", _with((0, 99), np.inf), error="the first is sample 99 of channel 0"),
    BadArray("minus inf", _with((0, 0), -np.inf), error="the first is sample 0 of channel 0"),
    BadArray("all nan", np.full((2, 50), np.nan), error="100 samples are NaN"),
    BadArray("no samples", np.zeros((1, 0), np.float32)),
    BadArray("no samples, no channel axis", np.zeros(0, np.float32), result=np.zeros((1, 0), np.float32)),
    BadArray("one sample", _ramp(1, 1)),
    BadArray("one number", np.float32(0.5), error="must be a numpy array"),
    BadArray("no axis", np.array(0.5, np.float32), error=r"shape \[N\] or \[C, N\], got \[\]"),
    BadArray("mono without channel axis", _ramp(10), result=_ramp(1, 10)),
    BadArray("direct current", np.ones((1, 100), np.float32)),
    BadArray("ten times too loud", _ramp(2, 10) * 10),
    BadArray("denormals", np.full((1, 10), 1e-42, np.float32)),
    BadArray("1e30", np.full((1, 10), 1e30, np.float32)),
    BadArray("float64 beyond float32", np.array([[1e300]]), result=np.array([[np.finfo(np.float32).max]])),
    BadArray("float64", _ramp(2, 10).astype(np.float64), result=_ramp(2, 10)),
    BadArray("float16", np.array([[0.5, -0.25]], np.float16), result=np.array([[0.5, -0.25]])),
    BadArray("uint8", np.array([[0, 128, 255]], np.uint8), result=np.array([[-1, 0, 127 / 128]])),
    BadArray("int16", np.array([[-32768, 0, 32767]], np.int16), result=np.array([[-1, 0, 32767 / 32768]])),
    BadArray("int24 in int32", np.array([[-(2**31), 256]], np.int32), result=np.array([[-1, 2.0**-23]])),
    BadArray("int32", np.array([[-(2**31), 2**30]], np.int32), result=np.array([[-1, 0.5]])),
    BadArray("int64", np.array([[0, 1]]), error="uint8, int16 or int32, got int64"),
    BadArray("int8", np.array([[0, 1]], np.int8), error="got int8"),
    BadArray("uint16", np.array([[0, 1]], np.uint16), error="got uint16"),
    BadArray("bool", np.array([[True, False]]), error="got bool"),
    BadArray("object", np.array([[0.5, None]], object), error="got object"),
    BadArray("complex", np.array([[0.5 + 1j]]), error="got complex128"),
    BadArray("text", np.array([["a", "b"]]), error="must hold floats"),
    BadArray("list", [[0.0, 0.5]], error="must be a numpy array .* got list"),
    BadArray("none", None, error="must be a numpy array .* got NoneType"),
    BadArray("bytes", b"\0\0", error="must be a numpy array .* got bytes"),
    BadArray("0 channels", np.zeros((0, 100), np.float32), error="1 to 64 channels, got 0"),
    BadArray("3 channels", _ramp(3, 10)),
    BadArray("64 channels", _ramp(64, 10)),
    BadArray("65 channels", np.zeros((65, 100), np.float32), error="1 to 64 channels, got 65$"),
    BadArray("wrong axis, stereo", np.zeros((48000, 2), np.float32), error=r"looks like \[N, C\]: pass wav\.T"),
    BadArray("wrong axis, mono", np.zeros((48000, 1), np.float32), error=r"pass wav\.T"),
    BadArray("batch", np.zeros((1, 1, 100), np.float32), error=r"got \[1, 1, 100\]; pass one signal"),
    BadArray("every second sample", _ramp(2, 20)[:, ::2]),
    BadArray("transposed view", _ramp(10, 2).T),
    BadArray("reversed", _ramp(2, 10)[:, ::-1]),
    BadArray("repeated channel", np.broadcast_to(_ramp(1, 10), (2, 10))),
    BadArray("read-only", _read_only()),
    BadArray("big-endian float", _ramp(2, 10).astype(">f4"), result=_ramp(2, 10)),
    BadArray("big-endian int16", np.array([[16384, -32768]], ">i2"), result=np.array([[0.5, -1]])),
    BadArray("rate 0", _ramp(1, 10), 0, error="sample_rate must be between 1 and 768000 Hz, got 0"),
    BadArray("rate -1", _ramp(1, 10), -1, error="got -1"),
    BadArray("rate 1", _ramp(1, 10), 1),
    BadArray("rate 1.5", _ramp(1, 10), 1.5, error="sample_rate must be an integer in Hz, got 1.5"),
    BadArray("rate 24000.0", _ramp(1, 10), 24000.0, error="must be an integer in Hz, got 24000.0"),
    BadArray("rate as text", _ramp(1, 10), "24000", error="must be an integer in Hz, got '24000'"),
    BadArray("rate true", _ramp(1, 10), True, error="must be an integer in Hz, got True"),
    BadArray("rate nan", _ramp(1, 10), float("nan"), error="must be an integer in Hz, got nan"),
    BadArray("rate of numpy", _ramp(1, 10), np.int64(24000)),
    BadArray("rate 768000", _ramp(1, 10), 768_000),
    BadArray("rate 768001", _ramp(1, 10), 768_001, error="between 1 and 768000 Hz, got 768001"),
    BadArray("rate beyond 64 bits", _ramp(1, 10), 10**30, error="between 1 and 768000"),
]


def encoded(wav: np.ndarray, format: str, subtype: str | None = None, rate: int = RATE) -> bytes:
    """`wav` [N] or [N, C] as the bytes of an audio file."""
    file = io.BytesIO()
    sf.write(file, wav, rate, format=format, subtype=subtype)
    return file.getvalue()


def wav_bytes(samples: bytes, rate: int = RATE, channels: int = 1, declared: int | None = None) -> bytes:
    """A 16-bit WAV file, written by hand so that its header can lie: `declared` is the size it claims."""
    size = len(samples) if declared is None else declared
    layout = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    return b"RIFF" + struct.pack("<I", size + 36) + b"WAVEfmt " + layout + b"data" + struct.pack("<I", size) + samples


def _exactly(count: int) -> range:
    return range(count, count + 1)


def _bad_files() -> list[BadFile]:
    samples, count = TONE.tobytes(), len(TONE)
    wav, flac = wav_bytes(samples), encoded(NOISE, "FLAC")
    ogg, mp3 = encoded(np.tile(NOISE, 5), "OGG"), encoded(TONE, "MP3")
    damaged = flac[: len(flac) // 2] + bytes(100) + flac[len(flac) // 2 + 100 :]
    floats = TONE / np.float32(32768)
    with_nan, with_inf = floats.copy(), floats.copy()
    with_nan[19999], with_inf[10] = np.nan, np.inf
    list_chunk = b"LIST" + struct.pack("<I", 5) + b"INFO!\0"
    not_audio, convert, whole = "not audio that can be read", "convert it first: ffmpeg", _exactly(count)
    return [
        BadFile("missing.wav", None, "no such file"),
        BadFile("empty.wav", b"", "is empty"),
        BadFile("one_byte.wav", b"R", not_audio),
        BadFile("text.wav", b"This is not audio.\n" * 500, not_audio),
        BadFile("page.mp3", b"<!DOCTYPE html><html>404</html>" * 100, not_audio),
        BadFile("noise.flac", NOISE.tobytes(), not_audio),
        BadFile("zeros.wav", bytes(5000), not_audio),
        BadFile("headerless.raw", samples, not_audio),
        BadFile("movie.m4a", b"\0\0\0\x20ftypM4A " + bytes(500), convert),
        BadFile("page.webm", b"\x1a\x45\xdf\xa3" + bytes(500), convert),
        BadFile("radio.aac", b"\xff\xf1\x50\x80" + bytes(500), convert),
        BadFile("renamed_m4a.wav", b"\0\0\0\x20ftypM4A " + bytes(500), convert),
        BadFile("old.wma", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(500), convert),
        BadFile("cut_4.wav", wav[:4], not_audio),
        BadFile("cut_12.wav", wav[:12], "data|cut short"),
        BadFile("cut_30.wav", wav[:30], "data|cut short"),
        BadFile("cut_44.wav", wav[:44], num_samples=_exactly(0)),
        BadFile("cut_45.wav", wav[:45], num_samples=_exactly(0)),
        BadFile("cut_1001.wav", wav[:1001], num_samples=_exactly(478)),
        BadFile("cut_last_byte.wav", wav[:-1], num_samples=_exactly(count - 1)),
        BadFile("cut_20.flac", flac[:20], not_audio),
        BadFile("cut_half.flac", flac[: len(flac) // 2], num_samples=_exactly(8192)),
        BadFile("cut_last_byte.flac", flac[:-1], num_samples=_exactly(16384)),
        BadFile("damaged.flac", damaged, r"the data is damaged .* after 0\.51 s"),
        BadFile("cut_100.ogg", ogg[:100], not_audio),
        BadFile("cut_half.ogg", ogg[: len(ogg) // 2], num_samples=range(1, 5 * count)),
        BadFile("cut_100.mp3", mp3[:100], not_audio),
        BadFile("cut_1500.mp3", mp3[:1500], num_samples=range(1, count)),
        BadFile("claims_more.wav", wav_bytes(samples, declared=10**9), num_samples=whole),
        BadFile("claims_all.wav", wav_bytes(samples, declared=2**32 - 37), num_samples=whole),
        BadFile("claims_less.wav", wav_bytes(samples, declared=500), num_samples=_exactly(250)),
        BadFile("no_samples.wav", wav_bytes(b""), num_samples=_exactly(0)),
        BadFile("one_sample.wav", wav_bytes(samples[:2]), num_samples=_exactly(1)),
        BadFile("half_sample.wav", wav_bytes(samples[:3]), num_samples=_exactly(1)),
        BadFile("no_format.wav", wav[:12] + wav[36:], "not audio|header"),
        BadFile("only_riff.wav", wav[:12] + bytes(200), "not audio|header"),
        BadFile("rate_0.wav", wav_bytes(samples, rate=0), "damaged at its start|sample_rate must be between"),
        BadFile("rate_1.wav", wav_bytes(samples, rate=1), num_samples=whole),
        BadFile("rate_768001.wav", wav_bytes(samples, rate=768_001), "sample_rate must be between"),
        BadFile("channels_0.wav", wav_bytes(samples, channels=0), "channel"),
        BadFile("channels_64.wav", wav_bytes(samples[:1280], channels=64), num_samples=_exactly(10)),
        BadFile("channels_65.wav", wav_bytes(samples[:1300], channels=65), "64 channels, got 65"),
        BadFile("tagged.wav", wav[:12] + list_chunk + wav[12:] + list_chunk, num_samples=whole),
        BadFile("extensible.wav", encoded(TONE, "WAVEX"), num_samples=whole),
        BadFile("float_nan.wav", encoded(with_nan, "WAV", "FLOAT"), "1 samples are NaN .* sample 19999 of channel 0"),
        BadFile("float_inf.wav", encoded(with_inf, "WAV", "FLOAT"), "the first is sample 10 of channel 0"),
        BadFile("float_loud.wav", encoded(floats * 10, "WAV", "FLOAT"), num_samples=whole),
        BadFile("adpcm.wav", encoded(TONE, "WAV", "IMA_ADPCM"), num_samples=range(count, count + 1017)),
        BadFile("really_flac.wav", flac, num_samples=whole),
        BadFile("no_suffix", wav, num_samples=whole),
        BadFile("-dash.wav", wav, num_samples=whole),
        BadFile("with spaces.wav", wav, num_samples=whole),
        BadFile("ünïcødé-音声-🎵.wav", wav, num_samples=whole),
        BadFile("line\nbreak.wav", wav, num_samples=whole),
    ]


BAD_FILES = _bad_files()


def make_bad_files(folder: Path) -> None:
    """Write every file of `BAD_FILES` into `folder`."""
    for file in BAD_FILES:
        if file.content is not None:
            (folder / file.name).write_bytes(file.content)
