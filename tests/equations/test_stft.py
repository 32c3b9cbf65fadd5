"""The causal STFT against its defining sum, its inverse, and the head that ends in one."""

import math

import pytest
import torch

from kvant.heads import ISTFTHead
from kvant.heads.istft import MAX_LOG_MAGNITUDE
from kvant.layers.stft import ISTFT, STFT

SHAPES = [(640, 320), (512, 128), (60, 20), (50, 20), (30, 29), (8, 8)]
every_shape = pytest.mark.parametrize(("window", "hop"), SHAPES)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@every_shape
def test_spectra_are_the_sums_of_their_definition(window: int, hop: int) -> None:
    wav = noise(6 * hop)
    frames = torch.cat([torch.zeros(window - hop), wav]).double().unfold(0, window, hop)
    n, k = torch.arange(window, dtype=torch.float64), torch.arange(window // 2 + 1.0, dtype=torch.float64)[:, None]
    weights = torch.sin(math.pi / window * (n + 0.5)) / math.sqrt(window)
    angle = -2 * math.pi * k * n / window
    real, imaginary = STFT(window, hop)(wav[None, None])[0].double().chunk(2)
    torch.testing.assert_close(real, torch.cos(angle) @ (frames * weights).T, rtol=0, atol=1e-5)
    torch.testing.assert_close(imaginary, torch.sin(angle) @ (frames * weights).T, rtol=0, atol=1e-5)


@every_shape
def test_reconstruction_is_perfect_after_the_declared_delay(window: int, hop: int) -> None:
    """For any hop up to the window, from the first sample on: what came before the first frame was silence."""
    inverse = ISTFT(window, hop)
    wav = noise(2, 1, 25 * hop)
    again = inverse(STFT(window, hop)(wav))
    assert inverse.delay == window - hop
    torch.testing.assert_close(
        again[..., inverse.delay :], wav[..., : wav.shape[-1] - inverse.delay], rtol=0, atol=2e-5
    )
    assert not inverse.delay or again[..., : inverse.delay].abs().max() < 1e-5


@pytest.mark.parametrize(("window", "hop"), [(640, 320), (512, 128), (60, 20)])
def test_where_hops_divide_the_window_energy_grows_by_half_the_overlap(window: int, hop: int) -> None:
    """sum_j w[n + j H]^2 = m / 2 with W = m H, so the energy of all spectra is m / 2 of the signal's."""
    wav = noise(1, 1, 40 * hop)
    wav[..., -window:] = 0
    real, imaginary = STFT(window, hop)(wav).double().chunk(2, dim=1)
    power = real**2 + imaginary**2
    both_sides = 2 * power.sum() - power[:, 0].sum() - power[:, -1].sum()
    torch.testing.assert_close(both_sides, window / hop / 2 * wav.double().square().sum(), rtol=1e-5, atol=0)


def test_inverse_of_a_changed_spectrum_is_the_least_squares_signal() -> None:
    """Griffin and Lim (1984): no signal has spectra nearer to the given ones, so the remaining error is orthogonal."""
    window, hop, frames = 24, 8, 30
    forward, inverse = STFT(window, hop), ISTFT(window, hop)
    spectra = noise(1, 2 * (window // 2 + 1), frames)
    spectra[..., : window // hop] = spectra[..., -(window // hop) :] = 0
    middle = window // 2
    spectra[:, [middle + 1, 2 * middle + 1]] = 0
    delay = inverse.delay
    best = inverse(torch.cat([spectra, torch.zeros(1, spectra.shape[1], window // hop)], dim=-1))[..., delay:]
    best = best[..., : frames * hop]

    def distance(wav: torch.Tensor) -> float:
        weight = torch.full((spectra.shape[1], 1), 2.0)
        weight[[0, middle, middle + 1, 2 * middle + 1]] = 1
        return float((weight * (forward(wav) - spectra).square()).sum())

    least = distance(best)
    for seed in range(5):
        change = 0.01 * torch.randn(best.shape, generator=torch.Generator().manual_seed(seed))
        change[..., -window:] = change[..., :window] = 0
        assert distance(best + change) > least


def test_head_turns_log_magnitude_and_phase_into_a_tone() -> None:
    """A bin whose phase advances by its frequency times the hop is a steady sine of the bin's frequency."""
    window, hop, bin_, magnitude = 64, 16, 8, 3.0
    head = ISTFTHead(channels=2, window_length=window, hop_length=hop)
    bins = window // 2 + 1
    with torch.no_grad():
        head.leave.weight.zero_()
        head.leave.bias.zero_()
        head.leave.bias[:bins] = -40
        head.leave.weight[bin_, 0] = 40 + math.log(magnitude)
        head.leave.weight[bins + bin_, 1] = 1
        frames = torch.arange(40)
        hidden = torch.stack([torch.ones(40), 2 * math.pi * bin_ / window * hop * frames])[None]
        wav = head(hidden)[0, 0, head.delay : -window]
    n = torch.arange(len(wav))
    # Each frame is the same cosine under the window once, divided by the sum of squared windows.
    weight = torch.sin(math.pi / window * (torch.arange(window) + 0.5))
    gain = weight.reshape(-1, hop).sum(0) / weight.square().reshape(-1, hop).sum(0)
    expected = 2 / math.sqrt(window) * magnitude * gain.repeat(len(wav) // hop + 1)[: len(wav)]
    expected = expected * torch.cos(2 * math.pi * bin_ / window * n)
    torch.testing.assert_close(wav, expected, rtol=0, atol=1e-4)


def test_head_magnitude_learns_while_phase_is_wrong_and_is_limited() -> None:
    head = ISTFTHead(channels=4, window_length=32, hop_length=8)
    hidden = noise(1, 4, 20)
    head(hidden).square().sum().backward()
    magnitude, phase = head.leave.weight.grad.chunk(2)
    assert (magnitude[1:-1].norm(dim=1) > 0).all()
    assert (phase[1:-1].norm(dim=1) > 0).all()
    with torch.no_grad():
        head.leave.bias[:17] = 1e6
    loud = head(hidden)
    assert torch.isfinite(loud).all()
    assert loud.abs().max() <= math.exp(MAX_LOG_MAGNITUDE) * 32 * 4
