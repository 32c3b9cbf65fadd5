"""SnakeBeta, and nonlinearities at twice the rate: their filter, their reach, and what does not fold back."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from kvant.layers.anti_aliased import TAPS, AntiAliased, kaiser_sinc
from kvant.layers.snake import Snake
from kvant.layers.snake_beta import SnakeBeta


def test_snake_beta_and_its_slope() -> None:
    """x + sin^2(a x) / b with a = exp(alpha), b = exp(beta); slope 1 + (a / b) sin(2 a x)."""
    layer = SnakeBeta(2).double()
    layer.alpha.data, layer.beta.data = torch.tensor([[0.3, -0.8], [1.1, -0.2]], dtype=torch.float64)
    x = torch.linspace(-4, 4, 33, dtype=torch.float64).repeat(1, 2, 1).requires_grad_()
    y = layer(x)
    y.sum().backward()
    for channel, (a, b) in enumerate(((math.exp(0.3), math.exp(1.1)), (math.exp(-0.8), math.exp(-0.2)))):
        expected = x[0, channel] + torch.sin(a * x[0, channel]).square() / b
        torch.testing.assert_close(y[0, channel], expected, rtol=0, atol=1e-8)
        slope = 1 + a / b * torch.sin(2 * a * x[0, channel])
        torch.testing.assert_close(x.grad[0, channel], slope, rtol=0, atol=1e-8)


def test_fresh_it_is_a_fresh_snake() -> None:
    x = torch.randn(1, 3, 50)
    assert torch.equal(SnakeBeta(3)(x), Snake(3)(x))


def test_the_filter_passes_what_the_rate_carries_and_stops_the_rest() -> None:
    """Gain 1 at 0 and nearly so in the middle of the band, half at the cut-off; symmetric; stopped by 50 dB beyond."""
    taps = kaiser_sinc(TAPS, 0.25, 0.3).double()
    torch.testing.assert_close(taps, taps.flip(0))
    times = torch.arange(TAPS) - (TAPS - 1) / 2

    def gain(frequency: float) -> float:
        return abs(float((taps * torch.cos(2 * math.pi * frequency * times)).sum()))

    assert abs(gain(0) - 1) < 1e-6
    assert abs(gain(0.1) - 1) < 0.03
    assert abs(gain(0.25) - 0.5) < 0.01
    assert max(gain(0.4 + 0.1 * k / 50) for k in range(51)) < 10 ** (-50 / 20)


def test_its_window_is_kaisers() -> None:
    """For 51.02 dB beta is 4.664, and h / sinc is that window, up to its scale."""
    window = torch.from_numpy(np.kaiser(TAPS, 4.6638))
    sinc = torch.sinc(0.5 * (torch.arange(TAPS, dtype=torch.float64) - 5.5))
    ratio = kaiser_sinc(TAPS, 0.25, 0.3).double() / (sinc * window)
    torch.testing.assert_close(ratio, ratio[:1].expand(TAPS), rtol=1e-4, atol=0)


def tone(frequency: float, length: int = 400) -> Tensor:
    return torch.cos(2 * math.pi * frequency * torch.arange(length, dtype=torch.float64))[None, None]


class Square(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.square()


def test_overtones_do_not_fold_back() -> None:
    """The square of a tone at 0.35 has its overtone at 0.7, folded to 0.3, nearly removed; of 0.1, 0.2 stays."""
    layer, middle = AntiAliased(Square()).double(), slice(50, 350)

    def level(x: Tensor, frequency: float) -> float:
        return float((x[0, 0, middle] * tone(frequency)[0, 0, middle]).mean().abs()) * 2

    assert abs(level(tone(0.35).square(), 0.3) - 0.5) < 0.01
    assert level(layer(tone(0.35)), 0.3) < 0.5 / 4
    assert abs(level(layer(tone(0.1)), 0.2) - 0.5) < 0.02


def test_around_the_identity_it_is_nearly_one_and_exactly_for_a_constant() -> None:
    layer = AntiAliased(nn.Identity()).double()
    constant = torch.full((1, 2, 9), 0.7, dtype=torch.float64)
    torch.testing.assert_close(layer(constant), constant, rtol=0, atol=2e-3)
    slow = tone(0.05)
    torch.testing.assert_close(layer(slow)[..., 20:-20], slow[..., 20:-20], rtol=0, atol=5e-3)


def test_an_output_hears_five_inputs_to_either_side() -> None:
    layer = AntiAliased(SnakeBeta(1)).double()
    x = torch.randn(1, 1, 40, dtype=torch.float64, requires_grad=True)
    layer(x)[0, 0, 20].backward()
    touched = x.grad[0, 0].nonzero()[:, 0]
    assert (int(touched[0]), int(touched[-1])) == (15, 25)
    assert layer.receptive_field == (5, 5, 1)


def test_the_ends_of_a_signal_go_on_as_they_are() -> None:
    """As if the first and the last value were repeated: at twice the rate, too."""
    layer = AntiAliased(SnakeBeta(1)).double()
    x = torch.randn(1, 1, 30, dtype=torch.float64)
    longer = nn.functional.pad(x, (40, 40), mode="replicate")
    within = layer(longer)[..., 40:70]
    torch.testing.assert_close(layer(x)[..., 6:-6], within[..., 6:-6])
    assert (layer(x) - within).abs().max() < 0.2
