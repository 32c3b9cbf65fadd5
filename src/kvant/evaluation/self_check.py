"""The harness examined before the codecs: it must know perfection, and not take delay or polarity for distortion."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kvant.errors import KvantError
from kvant.evaluation.alignment import Alignment, Array, estimate_alignment, shift
from kvant.evaluation.metrics import Metric
from kvant.evaluation.scoring import score

DELAY = 137


class HarnessError(KvantError):
    """The harness itself measures wrongly: nothing that it would say of a codec could be believed."""

    exit_code = 4


class Check(NamedTuple):
    """One known alteration of a clip: what alignment made of it, and the scores after alignment by metric name."""

    name: str
    alignment: Alignment
    scores: dict[str, float]


def self_check(wav: Array, sample_rate: int, metrics: Sequence[Metric]) -> list[Check]:
    """Runs identity, a delay of 137 samples, inversion and half amplitude of `wav` [N] through alignment and metrics.

    HarnessError unless delay, sign and gain are found, and identity is perfect in every metric, late or not. A metric
    that says why it is undefined for this wav is not examined.
    """
    delayed = shift(wav, -DELAY, len(wav) + DELAY)
    cases = {"identity": (wav, 0, 1.0), "delay": (delayed, DELAY, 1.0), "inversion": (-wav, 0, -1.0)}
    cases["attenuation"] = (0.5 * wav, 0, 0.5)
    checks = []
    for name, (estimate, delay, gain) in cases.items():
        alignment = estimate_alignment(estimate, wav, sample_rate)
        if alignment.delay != delay or abs(alignment.gain - gain) > 0.01:
            raise HarnessError(f"the harness takes {name} (delay {delay}, gain {gain}) for {alignment}")
        aligned = shift(estimate, alignment.delay, len(wav))
        scores = {}
        for metric in metrics:
            scores[metric.name], reason = score(metric, aligned, wav, sample_rate)
            same = np.isclose(scores[metric.name], metric.perfect, rtol=1e-3, atol=1e-3)
            if name in ("identity", "delay") and not same and not reason:
                raise HarnessError(f"{metric.name} of {name} is {scores[metric.name]}, not {metric.perfect}")
        checks.append(Check(name, alignment, scores))
    return checks
