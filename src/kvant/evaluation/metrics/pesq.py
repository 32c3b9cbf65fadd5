"""Perceptual evaluation of speech quality."""

from typing import Literal

import numpy as np
import numpy.typing as npt
import soxr

from kvant.evaluation.metrics.metric import Array, Undefined, score_pairs
from kvant.extras import import_extra

# MOS-LQO of the worst raw score, -0.5 (P.862.2 eq. 1 and P.862.1 eq. 1), and of identity as the ITU code gives it.
_SCALES = {
    "WB": (16000, 0.999 + 4 / (1 + np.exp(1.3669 * 0.5 + 3.8224)), 4.6439),
    "NB": (8000, 0.999 + 4 / (1 + np.exp(1.4945 * 0.5 + 4.6607)), 4.5486),
}


class Pesq:
    """PESQ (ITU-T P.862): wide band at 16 kHz (P.862.2) or narrow band at 8 kHz (mapping of P.862.1), as MOS-LQO.

    The signals are resampled to that rate. A perfect 4 kHz low-pass scores 3.4 in wide band: give both for narrow-band
    codecs. Undefined where the reference holds no utterance, or less than 0.25 s. UsageError without `kvant[eval]`.
    """

    unit = "MOS-LQO"
    higher_is_better = True

    def __init__(self, band: Literal["WB", "NB"] = "WB") -> None:
        self.name = f"PESQ-{band}"
        self.rate, self.worst, self.perfect = _SCALES[band]
        self.mode = band.lower()
        self.package = import_extra("pesq", "eval", "PESQ")

    def __call__(self, estimate: Array, reference: Array, sample_rate: int) -> npt.NDArray[np.float64]:
        def mos(e: Array, s: Array) -> float:
            e, s = (soxr.resample(wav, sample_rate, self.rate) for wav in (e, s))
            if not e.any():
                return self.worst
            try:
                return float(self.package.pesq(self.rate, s, e, self.mode))
            except self.package.BufferTooShortError as error:
                raise Undefined("PESQ needs at least 0.25 s") from error
            except self.package.NoUtterancesError as error:
                raise Undefined("PESQ finds no utterance") from error

        return score_pairs(mos, estimate, reference)
