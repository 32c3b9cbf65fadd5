"""Short-time objective intelligibility."""

import warnings

import numpy as np
import numpy.typing as npt

from kvant.evaluation.metrics.metric import Array, Undefined, score_pairs
from kvant.extras import import_extra


class Stoi:
    """STOI: mean correlation of one-third octave envelopes up to 5 kHz over 384 ms segments (Taal et al., 2011, eq. 6).

    From 0 to 1, computed at 10 kHz on the segments where the reference is within 40 dB of its loudest; not invariant to
    delay: align first. Undefined below 30 such frames (about 0.4 s of speech). UsageError without `kvant[eval]`.
    """

    name = "STOI"
    unit = ""
    higher_is_better = True
    perfect = 1.0

    def __init__(self) -> None:
        self.package = import_extra("pystoi", "eval", "STOI")

    def __call__(self, estimate: Array, reference: Array, sample_rate: int) -> npt.NDArray[np.float64]:
        def intelligibility(e: Array, s: Array) -> float:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                try:
                    return float(self.package.stoi(s, e, sample_rate, extended=False))
                except (RuntimeWarning, ValueError) as error:
                    raise Undefined("STOI needs 30 frames of speech") from error

        return score_pairs(intelligibility, estimate, reference)
