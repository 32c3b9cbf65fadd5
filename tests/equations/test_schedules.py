"""Learning rate and level dropout by their formulas."""

import math

import pytest
import torch

from kvant.quantizers.residual import sample_depths
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


def test_depths_are_drawn_evenly_where_dropout_strikes() -> None:
    generator = torch.Generator().manual_seed(0)
    depths = sample_depths(20_000, (1, 2, 4), 8, 0.75, generator)
    shares = torch.bincount(depths, minlength=9) / len(depths)
    torch.testing.assert_close(shares[[1, 2, 4, 8]], torch.tensor([0.25, 0.25, 0.25, 0.25]), rtol=0, atol=0.015)
    assert shares[[1, 2, 4, 8]].sum() == 1


@pytest.mark.parametrize(("dropout", "allowed"), [(0.0, {8}), (1.0, {1, 2, 4})])
def test_dropout_never_or_always(dropout: float, allowed: set[int]) -> None:
    depths = sample_depths(500, (1, 2, 4), 8, dropout, torch.Generator().manual_seed(0))
    assert set(depths.tolist()) == allowed


def test_same_generator_same_depths() -> None:
    first, second = (sample_depths(50, (1, 2), 4, 0.5, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second)
