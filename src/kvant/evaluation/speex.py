"""Speex, the speech codec before Opus, by whichever program of the machine encodes it."""

import io
import shutil
import subprocess
from functools import lru_cache

import numpy as np
import soxr

from kvant.audio import write
from kvant.errors import UsageError
from kvant.evaluation.alignment import Array, shift
from kvant.evaluation.system import Coded
from kvant.extras import import_extra

RATE, DELAY = 8000, 80


class Speex:
    """Speex (Valin), narrow-band CELP at 8 kHz and constant bitrate: wav through `speexenc`, or ffmpeg with libspeex.

    `bitrate` in bit/s; the mode nearest below is used (2.15, 3.95, 5.95, 8, 11 kbit/s ...). The payload is the packets
    with their padding to bytes, without Ogg. FFmpeg's decoder, through PyAV; the delay of 10 ms is removed. Encoding
    time includes the start of the program. UsageError: neither program is installed, or not `kvant[eval]`.
    """

    def __init__(self, bitrate: int) -> None:
        self.bitrate = bitrate
        import_extra("av", "eval", "Speex")
        encoder()

    def encode(self, wav: Array, sample_rate: int) -> Coded:
        narrow = np.pad(soxr.resample(wav, sample_rate, RATE), (0, DELAY))
        source = io.BytesIO()
        write(source, narrow[None], RATE, format="wav")
        command = [part.format(bitrate=self.bitrate) for part in encoder()]
        done = subprocess.run(command, input=source.getvalue(), capture_output=True, check=False)
        if done.returncode:
            raise UsageError(f"{command[0]} does not encode Speex: {done.stderr.decode(errors='replace').strip()}")
        with import_extra("av", "eval", "Speex").open(io.BytesIO(done.stdout)) as ogg:
            bits = 8 * sum(packet.size for packet in ogg.demux(audio=0))
        return Coded(done.stdout, bits, sample_rate, len(wav))

    def decode(self, coded: Coded) -> Array:
        with import_extra("av", "eval", "Speex").open(io.BytesIO(coded.content)) as ogg:
            decoded = np.concatenate([frame.to_ndarray().reshape(-1) for frame in ogg.decode(audio=0)])
        return shift(soxr.resample(decoded[DELAY:], RATE, coded.sample_rate), 0, coded.num_samples)


@lru_cache(maxsize=1)
def encoder() -> tuple[str, ...]:
    """The command that makes Ogg Speex of a WAV, both by pipe, with a place for the {bitrate}. UsageError: none."""
    if speexenc := shutil.which("speexenc"):
        return (speexenc, "--narrowband", "--bitrate", "{bitrate}", "-", "-")
    if ffmpeg := shutil.which("ffmpeg"):
        about = subprocess.run([ffmpeg, "-v", "error", "-h", "encoder=libspeex"], capture_output=True, check=False)
        if b"Encoder libspeex" in about.stdout:
            coding = ("-c:a", "libspeex", "-b:a", "{bitrate}")
            return (ffmpeg, "-v", "error", "-f", "wav", "-i", "-", *coding, "-f", "ogg", "-")
    raise UsageError("Speex needs the program speexenc, or ffmpeg with libspeex; neither is installed")
