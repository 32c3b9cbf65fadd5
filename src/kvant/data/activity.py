"""When a recording says something: 20 ms frames near the level of its loud ones."""

import numpy as np

from kvant.errors import AudioError

FRAMES = 50  # a second
ACTIVE_DB = 40.0  # a frame is active within this of the 95th percentile of its recording's frames
FLOOR = 10 ** (-60 / 20)  # a recording whose loud frames stay below this is silence
LOWEST_RATE = 1000


def frame_size(rate: int, name: str) -> int:
    """Samples of a frame at `rate` Hz. AudioError, naming the recording, below 1000 Hz."""
    if rate < LOWEST_RATE:
        raise AudioError(f"{name}: {rate} Hz is no rate for sound; check the file's header, or leave it out")
    return rate // FRAMES


def framed(wav: np.ndarray, size: int) -> np.ndarray:
    """wav [n] as whole frames [n // size, size]; the rest is left out."""
    return wav[: len(wav) // size * size].reshape(-1, size)


def levels(frames: np.ndarray) -> np.ndarray:
    """RMS [n] of frames [n, size]."""
    return np.sqrt(np.mean(frames**2, axis=1))


def active_frames(rms: np.ndarray) -> np.ndarray:
    """Numbers of the active frames by their RMS [n]; none of a recording that is silence or shorter than a frame."""
    if not len(rms):
        return np.zeros(0, np.int64)
    loud = np.percentile(rms, 95)
    return np.flatnonzero(rms > loud * 10 ** (-ACTIVE_DB / 20)) if loud >= FLOOR else np.zeros(0, np.int64)


def active_level(rms: np.ndarray, active: np.ndarray) -> np.floating:
    """RMS over the active frames, at least one."""
    return np.sqrt(np.mean(rms[active] ** 2))
