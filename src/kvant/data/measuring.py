"""One recording measured block by block: memory does not grow with its length, apart from 200 bytes a second."""

import hashlib
import struct
from pathlib import Path

import numpy as np

from kvant.audio import open_audio
from kvant.data.activity import FRAMES, active_frames, active_level, frame_size, framed, levels
from kvant.data.bandwidth import BAND, band_powers, bandwidth
from kvant.data.manifest import Recording
from kvant.errors import AudioError

FULL_SCALE = 0.999
SPECTRA = 3000  # frames whose spectra are taken: all of a minute, every second one of two
_EXACT_LENGTH = (".wav", ".flac", ".aif", ".aiff", ".w64", ".caf", ".au")  # others declare an estimate
_NO_LENGTH = 0x7FFF0000


class Spread:
    """At most SPECTRA frames, spread evenly over a recording of unknown length."""

    def __init__(self) -> None:
        self.stride = 1
        self.seen = 0
        self.numbers: list[int] = []
        self.frames: list[np.ndarray] = []

    def add(self, frames: np.ndarray) -> None:
        """The next frames [n, size]; kept are those whose number is a multiple of the stride, which doubles."""
        for number, frame in enumerate(frames, self.seen):
            if number % self.stride == 0:
                self.numbers.append(number)
                self.frames.append(frame.copy())
            if len(self.frames) > SPECTRA:
                self.stride *= 2
                self.numbers, self.frames = self.numbers[::2], self.frames[::2]
        self.seen += len(frames)

    def among(self, active: np.ndarray) -> np.ndarray:
        """Those of the kept frames whose numbers are in `active`, [n, size]; all kept if none is."""
        chosen = [self.frames[place] for place in np.flatnonzero(np.isin(self.numbers, active))]
        return np.array(chosen or self.frames)


def missing_bytes(path: Path) -> int:
    """How many bytes a WAV or AIFF file lacks by its own header, which libsndfile corrects in silence; else 0."""
    with open(path, "rb") as file:
        form, size, kind = struct.unpack("4s4s4s", file.read(12).ljust(12))
    order = {(b"RIFF", b"WAVE"): "<I", (b"FORM", b"AIFF"): ">I", (b"FORM", b"AIFC"): ">I"}.get((form, kind))
    declared = struct.unpack(order, size)[0] if order else 0
    # Who writes to a pipe does not know the length, and declares a very large one.
    return max(declared + 8 - path.stat().st_size, 0) if declared < _NO_LENGTH else 0


def _cut_short(path: Path, how: str) -> str:
    return f"{path}: is cut short ({how}); get it again, or save what is there as a new file"


def measure(path: Path, name: str) -> Recording:
    """What a file holds, under the path `name` and without labels. What is wrong with it is in `errors`, not raised."""
    try:
        return _measure(path, name)
    except AudioError as error:
        return Recording(name, errors=(str(error),))


def _measure(path: Path, name: str) -> Recording:
    digest, spread = hashlib.sha256(), Spread()
    peak, clipped, num_samples = 0.0, 0, 0
    rms: list[np.ndarray] = [np.zeros(0, np.float32)]
    with open_audio(path) as audio:
        size = frame_size(audio.sample_rate, str(path))
        digest.update(f"{audio.sample_rate} {audio.channels} ".encode())
        for block in audio.blocks(size * FRAMES):
            digest.update(np.ascontiguousarray(block.T, "<f4").data)
            magnitudes = np.abs(block)
            peak = max(peak, float(magnitudes.max()))
            clipped += int(np.count_nonzero(magnitudes >= FULL_SCALE))
            num_samples += block.shape[1]
            frames = framed(block.mean(axis=0), size)
            rms.append(levels(frames))
            spread.add(frames)
        rate, channels, declared = audio.sample_rate, audio.channels, audio.num_samples
    errors = []
    if not num_samples:
        errors.append(f"{path}: holds no samples; leave it out")
    elif declared is not None and num_samples < declared and name.lower().endswith(_EXACT_LENGTH):
        errors.append(_cut_short(path, f"{num_samples / rate:.2f} of {declared / rate:.2f} s are there"))
    elif missing := missing_bytes(path):
        errors.append(_cut_short(path, f"{missing} bytes are missing"))
    every = np.concatenate(rms)
    active = active_frames(every)
    heard = len(active) > 0
    return Recording(
        path=name,
        duration_s=round(num_samples / rate, 6),
        sample_rate=rate,
        channels=channels,
        bandwidth_hz=bandwidth([band_powers(spread.among(active), rate, rate // 2 // BAND)]) if heard else 0,
        level_dbfs=round(20 * float(np.log10(active_level(every, active))), 2) if heard else None,
        peak=round(peak, 6),
        clipped=round(clipped / max(num_samples * channels, 1), 8),
        silence=round(1 - len(active) / max(len(every), 1), 6),
        audio_sha256=digest.hexdigest(),
        errors=tuple(errors),
    )
