"""What the anti-wrapping phase loss hears: signs, delays and detuning, in radians."""

import math

import pytest
import torch
from torch import Tensor

from kvant.losses import AntiWrappingPhaseLoss
from kvant.losses.phase import anti_wrap
from kvant.losses.stft import stft


@pytest.fixture(scope="module")
def hiss() -> Tensor:
    return 0.3 * torch.randn(2, 1, 12000, generator=torch.Generator().manual_seed(0))


def test_anti_wrap_is_the_distance_to_a_whole_turn() -> None:
    angle = torch.linspace(-3, 3, 301, dtype=torch.float64)
    torch.testing.assert_close(anti_wrap(angle), angle.abs())
    for turns in (-2, 1, 5):
        torch.testing.assert_close(anti_wrap(angle + 2 * math.pi * turns), angle.abs())
    torch.testing.assert_close(anti_wrap(-angle), anti_wrap(angle))
    assert float(anti_wrap(torch.tensor(math.pi))) == pytest.approx(math.pi)
    assert anti_wrap(100 * torch.randn(1000)).max() <= math.pi + 1e-5


def loud_phase_loss() -> AntiWrappingPhaseLoss:
    """At one resolution, with a floor so low that every bin of the hiss counts in full."""
    return AntiWrappingPhaseLoss(window_lengths=(512,), floor=1e-6)


def test_phase_loss_of_a_flipped_sign_is_half_a_turn(hiss: Tensor) -> None:
    """In every bin, the most there is; the differences along frequency and time do not change."""
    phase, delay, difference = loud_phase_loss().terms(-hiss, hiss)
    assert float(phase) == pytest.approx(math.pi, rel=1e-3)
    assert float(delay) < 1e-3
    assert float(difference) < 1e-3
    assert float(loud_phase_loss()(hiss, hiss)) < 1e-9
    assert float(loud_phase_loss()(3 * hiss, hiss)) < 1e-3


@pytest.mark.parametrize("delay", [64, 256, -128])
def test_group_delay_of_an_impulse_is_heard_in_radians_per_bin(delay: int) -> None:
    """Moved by d samples within a frame of W: 2 pi d / W from bin to bin, in every frame that sees both."""
    window = 512
    impulse = torch.zeros(1, 1, 4096)
    impulse[..., 2048] = 100.0
    wav, moved = impulse, impulse.roll(delay, dims=-1)
    shift = 2 * math.pi * delay / window
    x, y = (stft(signal.squeeze(1), window) for signal in (moved, wav))
    both = (x.abs().mean(1) > 1e-3) & (y.abs().mean(1) > 1e-3)
    expected = both.float().mean() * abs(shift)
    _, heard, _ = loud_phase_loss().terms(moved, wav)
    torch.testing.assert_close(heard, expected, rtol=0.02, atol=0)


@pytest.mark.parametrize("turns", [0.125, 0.25, 0.5])
def test_a_detuned_tone_is_heard_in_radians_per_hop(turns: float) -> None:
    """Off by `turns` per hop of 128, that many turns a frame: 0.5, the most, sounds like any other by anti-wrapping."""
    time = torch.arange(24000)
    tone, detuned = (torch.cos(2 * math.pi * f * time)[None, None] for f in (60 / 512, 60 / 512 + turns / 128))
    x, y = (stft(signal.squeeze(1), 512) for signal in (detuned, tone))
    loud = (x.abs() > 0.5) & (y.abs() > 0.5)
    inside = (loud[..., 1:] & loud[..., :-1])[..., 3:-3].float().mean()
    loss = AntiWrappingPhaseLoss(window_lengths=(512,), floor=0.05)
    _, _, heard = loss.terms(detuned, tone)
    torch.testing.assert_close(heard, inside * 2 * math.pi * turns, rtol=0.1, atol=0)


def test_bins_without_energy_have_no_phase(hiss: Tensor) -> None:
    """Noise far below the floor costs nothing, whatever its phase; nor does silence gain anything by being silent."""
    loss = AntiWrappingPhaseLoss(floor=1e-3)
    assert float(loss(1e-6 * hiss.flip(2), 1e-6 * hiss)) < 1e-6
    estimate = (0.01 * hiss.flip(2)).requires_grad_()
    loss(estimate, hiss).backward()
    along_gain = (estimate.grad * estimate.detach()).sum()
    assert abs(float(along_gain)) < 1e-3 * float(estimate.grad.norm() * estimate.detach().norm())
