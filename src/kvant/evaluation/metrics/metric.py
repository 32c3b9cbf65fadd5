"""What every metric is, and the checks they share."""

import warnings
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kvant.errors import AudioError

Array = npt.NDArray[np.floating]


class UndefinedScore(UserWarning):
    """A pair of signals that a metric cannot score; the score is NaN and the message gives the reason."""


class Undefined(Exception):
    """Raised inside a metric for a pair it cannot score; `score_pairs` turns it into NaN and a warning."""


class Metric(Protocol):
    """Compares estimates with references: `metric(estimate, reference, sample_rate)` -> scores float64 [B].

    Both signals: float [B, N] or [N], nominal range [-1, 1], sample_rate in Hz. `perfect` is the score of the
    reference itself. A reference without content scores NaN with an UndefinedScore warning; a silent estimate of a
    reference with content is the fault of its codec and gets the worst score, so that it cannot drop out of a mean.
    AudioError if the shapes differ or a sample is not finite.
    """

    name: str
    unit: str
    higher_is_better: bool
    perfect: float

    def __call__(self, estimate: Array, reference: Array, sample_rate: int) -> npt.NDArray[np.float64]: ...


def score_pairs(score: Callable[[Array, Array], float], estimate: Array, reference: Array) -> npt.NDArray[np.float64]:
    """Applies score(estimate [N], reference [N]) to each pair of a batch [B, N] or to one pair [N] -> [B].

    NaN with an UndefinedScore warning where the reference is silent or `score` raises Undefined. AudioError: as Metric.
    """
    estimate, reference = np.asarray(estimate), np.asarray(reference)
    if estimate.shape != reference.shape or estimate.ndim not in (1, 2):
        raise AudioError(f"a metric takes two [N] or two [B, N], got {estimate.shape} and {reference.shape}")
    if not (np.isfinite(estimate).all() and np.isfinite(reference).all()):
        raise AudioError("a metric takes finite samples, got NaN or infinity")
    scores = []
    for each, truth in zip(np.atleast_2d(estimate), np.atleast_2d(reference)):
        try:
            if not truth.any():
                raise Undefined("the reference is silent")
            scores.append(score(each, truth))
        except Undefined as reason:
            warnings.warn(UndefinedScore(str(reason)), stacklevel=3)
            scores.append(np.nan)
    return np.array(scores, dtype=np.float64)
