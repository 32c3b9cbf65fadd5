"""The learning rate by its formula."""

import math

import pytest

from kvant.training.config import OptimConfig
from kvant.training.schedule import schedule

OPTIM = OptimConfig(final=0.01, warmup_steps=100)


def test_learning_rate_warms_up_linearly_and_falls_along_half_a_cosine() -> None:
    steps = 10_000
    for step in (0, 1, 49, 99):
        cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps))
        assert schedule(step, steps, OPTIM) == pytest.approx((step + 1) / 100 * cosine, rel=1e-12)
    assert schedule(5000, steps, OPTIM) == pytest.approx((1 + 0.01) / 2, rel=1e-12)
    assert schedule(steps, steps, OPTIM) == pytest.approx(0.01, rel=1e-12)
    assert schedule(2 * steps, steps, OPTIM) == pytest.approx(0.01, rel=1e-12)


def test_learning_rate_peaks_once() -> None:
    rates = [schedule(step, 1000, OPTIM) for step in range(1001)]
    peak = rates.index(max(rates))
    assert peak == 99
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


@pytest.mark.parametrize("warmup_steps", [0, 1])
def test_without_a_warm_up_the_first_step_is_at_the_peak(warmup_steps: int) -> None:
    rates = [schedule(step, 100, OptimConfig(final=0.01, warmup_steps=warmup_steps)) for step in range(3)]
    assert rates == [0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / 100)) for step in range(3)]
