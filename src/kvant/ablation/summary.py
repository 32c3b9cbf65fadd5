"""Means over seeds, and how far chance alone moves them."""

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kvant.ablation.results import BASE, Outcome, Rate, Results

CONFIDENCE = 0.95


class Figure(NamedTuple):
    """One thing that is measured of every cell; `value` takes it from an outcome that is done, NaN if it has none."""

    name: str
    unit: str
    higher_is_better: bool
    value: Callable[[Outcome], float]

    @property
    def heading(self) -> str:
        """Its name, its unit, and an arrow that shows which way is better."""
        return f"{self.name}{f' ({self.unit})' if self.unit else ''} {'↑' if self.higher_is_better else '↓'}"


class Summary(NamedTuple):
    """Mean over `seeds` seeds, half the width of its interval (NaN where none is known), its difference from the base.

    clear: whether chance alone would seldom make such a difference.
    """

    mean: float
    half: float
    seeds: int
    difference: float
    clear: bool


def figures_of_rate(results: Results, levels: int) -> list[Figure]:
    """Latent SNR, then the metrics, all with the codes of so many levels."""

    def snr(outcome: Outcome) -> float:
        rate = rate_of(outcome, levels)
        return rate.snr if rate else math.nan

    def scored(name: str) -> Callable[[Outcome], float]:
        def value(outcome: Outcome) -> float:
            rate = rate_of(outcome, levels)
            return rate.scores[name] if rate else math.nan

        return value

    named = [Figure(scale.name, scale.unit, scale.higher_is_better, scored(scale.name)) for scale in results.scales]
    return [Figure("latent SNR", "dB", True, snr), *named]


def figures_of_use() -> list[Figure]:
    """What is not of a rate: codebooks, means over levels, and time."""
    return [
        Figure("perplexity / V", "", True, lambda each: _mean(level.perplexity / level.size for level in each.levels)),
        Figure("usage", "", True, lambda each: _mean(level.usage for level in each.levels)),
        Figure("training", "s", False, lambda each: each.seconds),
    ]


def rate_of(outcome: Outcome, levels: int) -> Rate | None:
    """The rate of so many levels. Of a cell with fewer, or without codes, its last one stands for all beyond."""
    chosen = [rate for rate in outcome.rates if rate.levels == levels]
    return chosen[0] if chosen else outcome.rates[-1] if outcome.rates and outcome.rates[-1].levels < levels else None


def depths(results: Results) -> list[int]:
    """Numbers of levels that any cell was measured with."""
    found = {rate.levels for outcome in results.outcomes for rate in outcome.rates if rate.levels}
    return sorted(found)


def summarise(results: Results, figure: Figure) -> dict[str, Summary]:
    """By cell that is done with some seed: mean and interval.

    Few seeds tell little of a cell's own spread, so the spread between seeds is pooled over all cells: an interval is
    mean -+ t s / sqrt(n), with s^2 = sum (x - mean of its cell)^2 / sum (n - 1), and Student's t for that many degrees
    of freedom. A difference from the base is clear where it exceeds t s sqrt(1/n + 1/m).
    """
    values = {cell: _defined(map(figure.value, results.of(cell))) for cell in results.cells}
    values = {cell: own for cell, own in values.items() if own}
    freedom = sum(len(own) - 1 for own in values.values())
    squares = sum(float(np.square(np.subtract(own, np.mean(own))).sum()) for own in values.values())
    reach = student(freedom) * math.sqrt(squares / freedom) if freedom else math.nan
    base = values.get(BASE, [])
    summaries = {}
    for cell, own in values.items():
        difference = float(np.mean(own) - np.mean(base)) if base else math.nan
        clear = bool(base) and abs(difference) > reach * math.sqrt(1 / len(own) + 1 / len(base))
        half = reach / math.sqrt(len(own))
        summaries[cell] = Summary(float(np.mean(own)), half, len(own), difference, clear and cell != BASE)
    return summaries


@lru_cache
def student(freedom: int, confidence: float = CONFIDENCE) -> float:
    """t that Student's distribution exceeds in magnitude with probability 1 - confidence.

    With t = sqrt(v) tan(a) its density becomes cos(a)^(v - 1), which is summed numerically.
    """
    angles = np.linspace(-np.pi / 2, np.pi / 2, 100_001)
    density = np.cos(angles).clip(0) ** (freedom - 1)
    below = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return math.sqrt(freedom) * math.tan(float(np.interp((1 + confidence) / 2, below / below[-1], angles)))


def _defined(values: Iterable[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return float(np.mean(listed)) if listed else math.nan
