"""Multi-resolution STFT distance, in numpy alone."""

import numpy as np
import numpy.typing as npt

from kvant.evaluation.metrics.metric import Array, score_pairs
from kvant.evaluation.metrics.spectrum import FLOOR, WINDOWS, amplitude


class StftDistance:
    """Spectral convergence plus mean |ln difference| of magnitudes (Yamamoto et al., 2020, eq. 3-6).

    distance(e, s) = mean over w = 512, 1024, 2048 of |E - S|_F / |S|_F + mean over frames and bins of |ln E - ln S|,
    E and S the amplitude spectra of window w, of at least 1e-5 under the logarithm. The first term is ruled by the
    loudest bins, the second hears all alike. Identity scores 0; a gain g above the floor |g - 1| + |ln g|.
    """

    name = "STFT distance"
    unit = ""
    higher_is_better = False
    perfect = 0.0

    def __call__(self, estimate: Array, reference: Array, sample_rate: int) -> npt.NDArray[np.float64]:
        return score_pairs(_distance, estimate, reference)


def _distance(estimate: Array, reference: Array) -> float:
    scales = []
    for window in WINDOWS:
        e, s = amplitude(estimate, window), amplitude(reference, window)
        logarithms = np.log(np.maximum(e, FLOOR)) - np.log(np.maximum(s, FLOOR))
        scales.append(np.linalg.norm(e - s) / np.linalg.norm(s) + np.abs(logarithms).mean())
    return float(np.mean(scales))
