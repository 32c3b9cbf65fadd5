"""A recording made ready for training: resampled, trimmed to what it says, brought to one level."""

from typing import NamedTuple

import numpy as np
import soxr

from kvant.data.activity import ACTIVE_DB, active_frames, active_level, frame_size, framed, levels
from kvant.data.bandwidth import band_powers

MARGIN = 0.15  # s of silence kept at each end
SHORTEST = 0.4  # s; a shorter clip is dropped
LEVEL_DBFS = -23  # RMS of the active part
PEAK = 0.95
RULES = {"margin_s": MARGIN, "shortest_s": SHORTEST, "level_dbfs": LEVEL_DBFS, "peak": PEAK, "active_db": ACTIVE_DB}


class Clip(NamedTuple):
    """samples: int16 [n] at the corpus' rate. source_rate: Hz. gain: linear, applied.

    spectrum: relative power of its loud moments per 100 Hz band up to half the corpus' rate.
    """

    samples: np.ndarray
    source_rate: int
    gain: float
    spectrum: np.ndarray


def levelled(wav: np.ndarray, source_rate: int, rate: int, name: str) -> Clip | None:
    """wav float32 [n] at `source_rate`, resampled to `rate`, trimmed and levelled; None if silent or too short.

    The gain brings the RMS of the active frames to -23 dBFS, less where the peak would exceed 0.95. AudioError: a rate
    below 1000 Hz.
    """
    native = framed(wav, frame_size(source_rate, name))
    size = frame_size(rate, name)
    # Not kvant.audio.resample, whose lengths differ by a sample: corpora are to stay as they were, byte for byte.
    wav = soxr.resample(wav, source_rate, rate, quality="HQ")
    rms = levels(framed(wav, size))
    active = active_frames(rms)
    audible = active[active < len(native)]
    if not len(audible):
        return None
    margin = round(MARGIN * rate)
    wav = wav[max(active[0] * size - margin, 0) : (active[-1] + 1) * size + margin]
    if len(wav) < SHORTEST * rate:
        return None
    gain = min(10 ** (LEVEL_DBFS / 20) / active_level(rms, active), PEAK / np.abs(wav).max())
    samples = np.round(wav * gain * 32767).astype("<i2")
    return Clip(samples, source_rate, float(gain), band_powers(native[audible], source_rate, rate // 2 // 100))
