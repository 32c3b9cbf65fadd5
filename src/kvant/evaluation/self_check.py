"""The harness examined before the codecs: it must know perfection, and not take delay or polarity for distortion."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kvant.errors import KvantError
from kvant.evaluation.alignment import Alignment, Array, estimate_alignment, shift
from kvant.evaluation.metrics import Metric

DELAY = 137


class Check(NamedTuple):
    """One known alteration of a clip: what alignment made of it, and the scores after alignment by metric name."""

    name: str
    alignment: Alignment
    scores: dict[str, float]


def self_check(wav: Array, sample_rate: int, metrics: Sequence[Metric]) -> list[Check]:
    """Runs identity, a delay of 137 samples, inversion and half amplitude of `wav` [N] through alignment and metrics.

    KvantError unless delay, sign and gain are found, and identity is perfect in every metric (the delayed one too, up
    to the samples that fell off its end).
    """
    delayed = shift(wav, -DELAY, len(wav))
    cases = {"identity": (wav, 0, 1.0), "delay": (delayed, DELAY, 1.0), "inversion": (-wav, 0, -1.0)}
    cases["attenuation"] = (0.5 * wav, 0, 0.5)
    checks = []
    for name, (estimate, delay, gain) in cases.items():
        alignment = estimate_alignment(estimate, wav, sample_rate)
        if alignment.delay != delay or abs(alignment.gain - gain) > 0.01:
            raise KvantError(f"the harness takes {name} (delay {delay}, gain {gain}) for {alignment}")
        kept = len(wav) - delay
        aligned = shift(estimate, alignment.delay, kept)
        scores = {metric.name: float(metric(aligned, wav[:kept], sample_rate)[0]) for metric in metrics}
        checks.append(Check(name, alignment, scores))
        for metric in metrics:
            same = np.isclose(scores[metric.name], metric.perfect, rtol=1e-3, atol=1e-3)
            if name in ("identity", "delay") and not same:
                raise KvantError(f"{metric.name} of {name} is {scores[metric.name]}, not {metric.perfect}")
    return checks
