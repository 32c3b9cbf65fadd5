"""Snake and the residual unit made of it."""

import math

import torch
from torch import nn

from kvant.layers.snake import Snake
from kvant.layers.snake_unit import SnakeUnit


def snake(*frequencies: float) -> Snake:
    layer = Snake(len(frequencies)).double()
    layer.alpha.data = torch.tensor(frequencies, dtype=torch.float64)[None, :, None]
    return layer


def test_its_value_and_its_slope() -> None:
    """x + sin^2(a x) / a, with the slope 1 + sin(2 a x), of every channel its own a, negative ones too."""
    x = torch.linspace(-4, 4, 33, dtype=torch.float64).repeat(1, 3, 1).requires_grad_()
    y = snake(1.0, 2.5, -0.7)(x)
    y.sum().backward()
    for channel, a in enumerate((1.0, 2.5, -0.7)):
        for place in (0, 5, 16, 30):
            at = float(x[0, channel, place].detach())
            assert abs(float(y[0, channel, place].detach()) - (at + math.sin(a * at) ** 2 / a)) < 1e-7
            assert abs(float(x.grad[0, channel, place]) - (1 + math.sin(2 * a * at))) < 1e-7
    assert (x.grad > -1e-7).all()


def test_it_repeats_a_period_higher() -> None:
    """f(x + pi / a) = f(x) + pi / a."""
    x = torch.linspace(-1, 1, 21, dtype=torch.float64)[None, None]
    layer = snake(3.0)
    torch.testing.assert_close(layer(x + math.pi / 3), layer(x) + math.pi / 3)


def test_at_frequency_zero_it_is_the_identity() -> None:
    x = torch.randn(1, 1, 50, dtype=torch.float64)
    assert torch.equal(snake(0.0)(x), x)


def test_the_unit_adds_its_branch_and_keeps_channels_apart_if_asked() -> None:
    """With the pointwise map an identity, a disturbed channel of a depthwise unit disturbs no other."""
    unit = SnakeUnit(3, dilation=2, depthwise=True)
    last = unit.layers[-1]
    assert isinstance(last, nn.Conv1d)
    nn.init.zeros_(last.bias)
    nn.init.zeros_(last.weight)
    x = torch.randn(1, 3, 40)
    assert torch.equal(unit(x), x)
    last.weight.data = torch.eye(3)[..., None]
    other = x.clone()
    other[0, 1] += 1
    changed = (unit(other) - unit(x)).abs().amax(-1)[0] > 0
    assert changed.tolist() == [False, True, False]
