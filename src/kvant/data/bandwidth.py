"""How far up a recording reaches: bandwidth by spectral roll-off, whatever the sample rate claims.

A recording made at 8 kHz and stored at 48 kHz must not teach a codec that voices are silent above 4 kHz.
"""

import numpy as np

BAND = 100  # Hz
BAND_DB = 50.0


def band_powers(frames: np.ndarray, rate: int, bands: int) -> np.ndarray:
    """Power [bands] of the loud moments of each 100 Hz band, relative to the strongest; frames [n, rate // 50], n > 0.

    The 95th percentile over frames, not the mean: it is the fricatives that show how far a recording reaches.
    """
    power = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]).astype(np.float32), axis=1)) ** 2
    band = (np.arange(power.shape[1]) * rate / frames.shape[1] // BAND).astype(int)
    loud = np.percentile(power, 95, axis=0)
    summed = np.bincount(band, loud, minlength=bands)[:bands]
    return summed / max(summed.max(), 1e-20)


def bandwidth(spectra: list[np.ndarray]) -> int:
    """Hz: upper edge of the highest 100 Hz band within 50 dB of the strongest in the mean of `spectra` ([bands] each).

    Smoothed over 300 Hz so that a lone whistle (a pilot or monitor line) counts for little. 0 of silence.
    """
    mean = np.convolve(np.mean(spectra, axis=0), np.ones(3) / 3, mode="same")
    above = np.flatnonzero(mean > mean.max() * 10 ** (-BAND_DB / 10))
    return int((above[-1] + 1) * BAND) if len(above) else 0
