"""One clip through one system: encoded, decoded, timed, aligned and scored."""

import time
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kvant.evaluation.alignment import Alignment, Array, estimate_alignment, shift
from kvant.evaluation.clip import Clip
from kvant.evaluation.metrics import Metric, UndefinedScore
from kvant.evaluation.system import System


class Measurement(NamedTuple):
    """What a system made of a clip, `clip` being its index: payload bits, seconds it took, alignment and scores.

    scores: by name of the metric, NaN where `undefined` has a reason.
    """

    system: str
    clip: int
    bits: int
    encode_seconds: float
    decode_seconds: float
    alignment: Alignment
    scores: dict[str, float]
    undefined: dict[str, str]


class Outcome(NamedTuple):
    """A measurement with what it was made on: the decoded wav [N], and the codes [K, T] of a codec that has some."""

    measurement: Measurement
    wav: Array
    codes: np.ndarray | None


def measure(name: str, system: System, index: int, clip: Clip, metrics: Sequence[Metric]) -> Outcome:
    """`clip`, the one of that index, through `system`."""
    start = time.perf_counter()
    coded = system.encode(clip.wav, clip.sample_rate)
    between = time.perf_counter()
    decoded = system.decode(coded)
    end = time.perf_counter()
    alignment = estimate_alignment(decoded, clip.wav, clip.sample_rate)
    aligned = shift(decoded, alignment.delay, len(clip.wav))
    scores, undefined = {}, {}
    for metric in metrics:
        scores[metric.name], reason = score(metric, aligned, clip.wav, clip.sample_rate)
        if reason:
            undefined[metric.name] = reason
    seconds = (round(between - start, 6), round(end - between, 6))
    return Outcome(Measurement(name, index, coded.bits, *seconds, alignment, scores, undefined), decoded, coded.codes)


def score(metric: Metric, estimate: Array, reference: Array, sample_rate: int) -> tuple[float, str]:
    """The score of one pair [N], and why it is NaN if it is undefined; other warnings pass on."""
    reason = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = float(metric(estimate, reference, sample_rate)[0])
    for warning in caught:
        if issubclass(warning.category, UndefinedScore):
            reason = str(warning.message)
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return value, reason
