"""Receptive fields by the formula, and as gradients find them."""

from fractions import Fraction

import pytest
import torch
from torch import nn

from kvant.layers.snake_unit import SnakeUnit, snake_units
from kvant.receptive_field import ReceptiveField, receptive_field


def measured(module: nn.Module, channels: int, index: int, length: int = 64) -> tuple[int, int]:
    """First and last input that output `index` depends on."""
    x = torch.randn(1, channels, length, dtype=torch.float64, requires_grad=True)
    module.double()(x)[0, 0, index].backward()
    touched = x.grad[0].abs().sum(0).nonzero()[:, 0]
    return int(touched[0]), int(touched[-1])


@pytest.mark.parametrize("kernel", [1, 4, 7])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (3, 2, 2), (1, 3, 3)])
def test_of_a_convolution(kernel: int, stride: int, padding: int, dilation: int) -> None:
    module = nn.Conv1d(2, 1, kernel, stride, padding, dilation)
    field = receptive_field(module)
    assert field == (padding, dilation * (kernel - 1) - padding, stride)
    assert measured(module, 2, 8) == (8 * stride - field.left, 8 * stride + field.right)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(4, 2, 1), (10, 5, 3), (6, 3, 2), (8, 4, 0)])
def test_of_a_transposed_convolution(kernel: int, stride: int, padding: int) -> None:
    """Inputs n with n s - p <= i <= n s - p + k - 1: the integers between i / s - left and i / s + right."""
    module = nn.ConvTranspose1d(2, 1, kernel, stride, padding)
    left, right, step = receptive_field(module)
    assert step == Fraction(1, stride)
    for index in range(20 * stride, 21 * stride):
        first, last = measured(module, 2, index)
        assert first - 1 < index * step - left <= first
        assert last <= index * step + right < last + 1


def test_of_a_sequence_and_a_sum() -> None:
    """Two halvings of 4 taps: 4 + 2 * 3 = 10 inputs, every fourth place; the unit reaches 3 dilations on each side."""
    halve = nn.Conv1d(1, 1, 4, 2, padding=1)
    pair = nn.Sequential(halve, nn.Tanh(), halve)
    assert receptive_field(pair) == (3, 6, 4)
    assert measured(pair, 1, 5) == (17, 26)
    assert receptive_field(SnakeUnit(4, dilation=9)) == (27, 27, 1)
    assert receptive_field(nn.Sequential(*snake_units(4))) == (39, 39, 1)
    assert measured(nn.Sequential(*snake_units(4)), 4, 50, 100) == (11, 89)


def test_of_parts_side_by_side() -> None:
    narrow, wide = ReceptiveField(Fraction(1), Fraction(5)), ReceptiveField(Fraction(3), Fraction(2))
    assert narrow.beside(wide) == (3, 5, 1)
    with pytest.raises(ValueError, match="strides 1 and 2"):
        narrow.beside(ReceptiveField(stride=Fraction(2)))


def test_of_what_nobody_knows() -> None:
    with pytest.raises(TypeError, match="GRU: its receptive field is not known"):
        receptive_field(nn.Sequential(nn.Conv1d(1, 1, 3), nn.GRU(1, 1)))
