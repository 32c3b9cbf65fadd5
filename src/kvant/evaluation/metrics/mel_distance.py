"""Multi-scale log-mel distance, in numpy alone."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from kvant.evaluation.metrics.metric import Array, score_pairs
from kvant.evaluation.metrics.spectrum import FLOOR, WINDOWS, amplitude

NUM_MELS = 80


class MelDistance:
    """Mean |log10 mel difference| over three window lengths (the multi-scale mel loss of Kumar et al., 2023, sec. 3.5).

    distance(e, s) = mean over w = 512, 1024, 2048 of mean over frames and bands of |L_w e - L_w s|,
    L_w x = log10 max(M_w x, 1e-5), with M_w the amplitude spectrum (periodic Hann of w samples and unit sum, hop w / 4,
    zeros beyond the ends) averaged over 80 triangular bands equally spaced in mel (Slaney: linear to 1 kHz, then
    logarithmic) from 0 to half the rate. In decades of amplitude: times 20 is dB. Identity scores 0; a gain g above the
    floor scores exactly |log10 g|.
    """

    name = "mel distance"
    unit = "log10"
    higher_is_better = False
    perfect = 0.0

    def __call__(self, estimate: Array, reference: Array, sample_rate: int) -> npt.NDArray[np.float64]:
        def distance(e: Array, s: Array) -> float:
            scales = [np.abs(log_mel(e, sample_rate, w) - log_mel(s, sample_rate, w)).mean() for w in WINDOWS]
            return float(np.mean(scales))

        return score_pairs(distance, estimate, reference)


def log_mel(wav: Array, sample_rate: int, window: int) -> npt.NDArray[np.float64]:
    """log10 of the mean amplitude per mel band, at least -5: wav [N >= 1] -> [ceil(N / hop), bands], hop window / 4."""
    bands = mel_bands(sample_rate, window)
    return np.log10(np.maximum(amplitude(wav, window) @ bands.T, FLOOR))


@lru_cache(maxsize=16)
def mel_bands(sample_rate: int, window: int) -> npt.NDArray[np.float64]:
    """Triangular weights [bands, window // 2 + 1], each row of unit sum; a band narrower than a bin may be left out."""
    edges = _mel_to_hz(np.linspace(0, _hz_to_mel(sample_rate / 2), NUM_MELS + 2))[:, None]
    bins = np.arange(window // 2 + 1) * sample_rate / window
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(np.minimum(rising, falling), 0)
    weights = weights[weights.any(axis=1)]
    return weights / weights.sum(axis=1, keepdims=True)


# Slaney's scale: 200/3 Hz a mel below 1 kHz (15 mel), 27 mel for each factor of 6.4 above.


def _hz_to_mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((np.maximum(mel, 15) - 15) / 27))
