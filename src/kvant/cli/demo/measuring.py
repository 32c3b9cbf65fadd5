"""A recording through the codec, with what that costs and what it keeps."""

import io
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

import kvant
from kvant import audio, bitstream
from kvant.cli.demo.recordings import Recording
from kvant.evaluation.metrics import MelDistance, SiSdr
from kvant.runtime import Codec

DEPTHS = (1, 2, 4, 8)
REPEATS = 5

T = TypeVar("T")


class Version(NamedTuple):
    """A recording at one depth. wav: [1, N]; kvt: the bytes it was coded in. Speeds: seconds of audio a second.

    Bitrates in bit/s: of the codec at this depth; of the codes of this file, whose last frame may reach past the end;
    and of the file with its framing.
    """

    num_codebooks: int
    wav: np.ndarray
    kvt: bytes
    bitrate: float
    payload_bitrate: float
    file_bitrate: float
    encode_speed: float
    decode_speed: float
    si_sdr: float
    mel_distance: float


class Trial(NamedTuple):
    """A recording, wav [1, N] at `sample_rate` Hz, and its versions, coarsest first."""

    recording: Recording
    wav: np.ndarray
    sample_rate: int
    versions: list[Version]


def measure(codec: Codec, recording: Recording) -> Trial:
    """The recording through `codec` at each depth."""
    wav, sample_rate = audio.read(recording.path)
    depths = [depth for depth in DEPTHS if depth <= codec.num_codebooks]
    return Trial(recording, wav, sample_rate, [_version(codec, wav, sample_rate, depth) for depth in depths])


def _version(codec: Codec, wav: np.ndarray, sample_rate: int, num_codebooks: int) -> Version:
    seconds = wav.shape[1] / sample_rate
    codes, encoding = _timed(lambda: codec.encode(wav, sample_rate, num_codebooks))
    decoded, decoding = _timed(lambda: codec.decode(codes))
    kvt = kvant.compress(wav, sample_rate, num_codebooks=num_codebooks)
    found = bitstream.info(io.BytesIO(kvt))
    return Version(
        num_codebooks=num_codebooks,
        wav=decoded,
        kvt=kvt,
        bitrate=codec.bitrate(num_codebooks),
        payload_bitrate=found.payload_bitrate,
        file_bitrate=found.file_bitrate,
        encode_speed=seconds / encoding,
        decode_speed=seconds / decoding,
        si_sdr=float(SiSdr()(decoded, wav, sample_rate)[0]),
        mel_distance=float(MelDistance()(decoded, wav, sample_rate)[0]),
    )


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result of `work`, and the seconds it takes once warm: the least of several runs after a first one."""
    result = work()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return result, min(seconds)
