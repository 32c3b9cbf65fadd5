"""Virtual speech quality objective listener."""

import numpy as np
import numpy.typing as npt
import soxr

from kvant.evaluation.metrics.metric import Array, Undefined, score_pairs
from kvant.extras import import_extra

RATE = 16000


class Visqol:
    """ViSQOL v3, speech mode at 16 kHz: similarity of gammatone spectrogram patches (Chinen et al., 2020), as MOS-LQO.

    The polynomial mapping from similarity to MOS, always, since the learned one depends on an optional package and
    gives other numbers. Signals are resampled. Undefined below 1 s. UsageError without `kvant[eval]`.
    """

    name = "ViSQOL"
    unit = "MOS-LQO"
    higher_is_better = True
    perfect = 5.0

    def __init__(self) -> None:
        self.listener = import_extra("visqol", "eval", "ViSQOL").VisqolApi()
        self.listener.create(mode="speech", use_lattice_model=False)

    def __call__(self, estimate: Array, reference: Array, sample_rate: int) -> npt.NDArray[np.float64]:
        def mos(e: Array, s: Array) -> float:
            if len(s) < sample_rate:
                raise Undefined("ViSQOL needs at least 1 s")
            if not e.any():
                return 1.0
            e, s = (soxr.resample(wav.astype(np.float64), sample_rate, RATE) for wav in (e, s))
            return float(self.listener.measure_from_arrays(s, e, RATE).moslqo)

        return score_pairs(mos, estimate, reference)
