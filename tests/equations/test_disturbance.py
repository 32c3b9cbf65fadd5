"""The disturbance loss by what PESQ's model says of hearing: thresholds, masking, asymmetry."""

import math

import pytest
import torch
from torch import Tensor

from kvant.losses.disturbance import ONE_SONE, DisturbanceLoss, bark, hearing_threshold

RATE = 24000


@pytest.fixture(scope="module")
def loss() -> DisturbanceLoss:
    return DisturbanceLoss(RATE)


@pytest.fixture(scope="module")
def hiss() -> Tensor:
    return 0.05 * torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(0))


def tone(frequency: float, amplitude: float) -> Tensor:
    return amplitude * torch.sin(2 * math.pi * frequency / RATE * torch.arange(RATE))[None, None]


def test_hearing_is_keenest_between_3_and_4_khz() -> None:
    frequencies = torch.arange(100.0, 8000.0, 10.0)
    keenest = float(frequencies[hearing_threshold(frequencies).argmin()])
    assert 3000 < keenest < 4000
    assert float(hearing_threshold(torch.tensor(100.0))) > 50 * float(hearing_threshold(torch.tensor(1000.0)))


def test_bands_are_equally_wide_in_bark_and_together_hold_every_bin_once(loss: DisturbanceLoss) -> None:
    lowest, highest = bark(torch.tensor([100.0, 8000.0])).tolist()
    assert loss.width * len(loss.threshold) == pytest.approx(highest - lowest, rel=1e-5)
    spacing = RATE / loss.window_length
    shares = loss.bands.sum(1)
    inside = slice(math.ceil(100 / spacing + 0.5), math.floor(8000 / spacing - 0.5))
    torch.testing.assert_close(shares[inside], torch.ones_like(shares[inside]), rtol=0, atol=1e-3)


def test_loudness_follows_its_formula_and_ends_at_the_threshold(loss: DisturbanceLoss) -> None:
    band = 20
    threshold, exponent = float(loss.threshold[band]), float(loss.exponent[band])
    power = torch.zeros(len(loss.threshold))
    power[band] = 1e4
    expected = ONE_SONE * (threshold / 0.5) ** exponent * ((0.5 + 0.5 * 1e4 / threshold) ** exponent - 1)
    assert float(loss.loudness(power)[band]) == pytest.approx(expected, rel=1e-5)
    power[band] = 0.9 * threshold
    assert float(loss.loudness(power)[band]) == 0


def test_what_is_masked_costs_nothing(loss: DisturbanceLoss, hiss: Tensor) -> None:
    """Loudness goes with power to the 0.23: a decibel is 5 % of it, less than is masked; ten are 40 %."""
    silence = float(loss(hiss, hiss))
    assert silence < 5e-3
    assert float(loss(10 ** (-1 / 20) * hiss, hiss)) == pytest.approx(silence, abs=1e-4)
    assert float(loss(10 ** (-10 / 20) * hiss, hiss)) > 0.2


def test_power_that_is_added_counts_more_than_power_that_is_lost(loss: DisturbanceLoss) -> None:
    base, whole = tone(500, 0.1), tone(500, 0.1) + tone(2000, 0.02)
    added, lost = float(loss(whole, base)), float(loss(base, whole))
    assert added > 1.5 * lost > 0.05


def test_the_level_of_speech_does_not_matter_and_silence_is_not_raised_to_it(
    loss: DisturbanceLoss, hiss: Tensor
) -> None:
    noise = 0.02 * torch.randn(hiss.shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(loss(2 * (hiss + noise), 2 * hiss), loss(hiss + noise, hiss), rtol=1e-3, atol=1e-3)
    assert float(loss(2e-5 * hiss, 1e-5 * hiss)) < 5e-3
