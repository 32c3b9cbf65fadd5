"""Confidence of a mean over clips."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A mean, the bounds of its confidence interval, and the number of values behind it."""

    mean: float
    low: float
    high: float
    values: int


def bootstrap_mean(values: Sequence[float], seed: int = 0, resamples: int = 2000, confidence: float = 0.95) -> Interval:
    """Mean of the values that are not NaN with its percentile bootstrap interval (Efron & Tibshirani, 1993, ch. 13).

    The same seed gives the same interval. All NaN without a defined value.
    """
    defined = np.asarray(values, np.float64)
    defined = defined[~np.isnan(defined)]
    if len(defined) == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    drawn = np.random.default_rng(seed).integers(len(defined), size=(resamples, len(defined)))
    tail = 50 * (1 - confidence)
    low, high = np.percentile(defined[drawn].mean(axis=1), [tail, 100 - tail])
    return Interval(float(defined.mean()), float(low), float(high), len(defined))
