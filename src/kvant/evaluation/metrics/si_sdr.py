"""Scale-invariant signal-to-distortion ratio."""

import numpy as np
import numpy.typing as npt

from kvant.evaluation.metrics.metric import Array, score_pairs

LIMIT = 100.0


class SiSdr:
    """Energy of the reference within the estimate over the energy of the rest (Le Roux et al., 2019, sec. 3).

    a = <e, s> / |s|^2;  SI-SDR = 10 log10(|a s|^2 / |a s - e|^2) dB, for estimate e and reference s; invariant to gain
    and polarity, not to delay: align first. Limited to +-100 dB, so that identity (inf) and silence (-inf) average.
    """

    name = "SI-SDR"
    unit = "dB"
    higher_is_better = True
    perfect = LIMIT

    def __call__(self, estimate: Array, reference: Array, sample_rate: int) -> npt.NDArray[np.float64]:
        return score_pairs(_si_sdr, estimate, reference)


def _si_sdr(estimate: Array, reference: Array) -> float:
    e, s = estimate.astype(np.float64), reference.astype(np.float64)
    target = np.dot(e, s) / np.dot(s, s) * s
    signal, distortion = np.sum(target**2), np.sum((target - e) ** 2)
    if signal == 0:
        return -LIMIT
    if distortion == 0:
        return LIMIT
    return float(np.clip(10 * np.log10(signal / distortion), -LIMIT, LIMIT))
