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


class TestOneFrame:
    """All of the formula, in numbers of its own: 49 bands of one frame, at 1 sone for 40 dB SPL at 1 kHz."""

    ORIGINAL = tuple(10 ** (2 + 5 * ((7 * band) % 49) / 49) for band in range(49))
    CHANGED = tuple({5: 12, 11: 3.5, 17: 15}.get(band, 10 ** (-(band % 7) / 5)) for band in range(49))

    def loudness(self, power: float, low: float, high: float) -> float:
        """Of a band from `low` to `high` Hz: L = c (T / 0.5)^g ((0.5 + 0.5 P / T)^g - 1)."""
        frequency = (low + high) / 2
        threshold = float(hearing_threshold(torch.tensor(frequency, dtype=torch.float64)))
        exponent = 0.23 * min(max(6 / (7 * math.asinh(frequency / 650) + 2), 1), 2) ** 0.15
        return 0.1866055 * (threshold / 0.5) ** exponent * max((0.5 + 0.5 * power / threshold) ** exponent - 1, 0)

    def by_hand(self, decoded: list[float], original: list[float]) -> tuple[float, float, set[str]]:
        """Symmetric and added disturbance, and which branches of asymmetry were taken."""
        ends = [7 * math.asinh(hertz / 650) for hertz in (100, 8000)]
        width = (ends[1] - ends[0]) / 49
        edges = [650 * math.sinh((ends[0] + band * width) / 7) for band in range(50)]
        squares, added, branches = 0.0, 0.0, set()
        for low, high, y, x in zip(edges, edges[1:], decoded, original):
            heard, meant = self.loudness(y, low, high), self.loudness(x, low, high)
            difference = max(abs(heard - meant) - min(heard, meant) / 4, 0)
            ratio = ((y + 50) / (x + 50)) ** 1.2
            branches.add("none" if ratio < 3 else "most" if ratio > 12 else "ratio")
            squares += difference**2
            added += difference * (0 if ratio < 3 else min(ratio, 12))
        weight = ((sum(original) + 1e5) / 1e7) ** 0.04
        return width * 49 * (math.sqrt(squares / 49 + 1e-6) - 1e-3) / weight, width * added / weight, branches

    @pytest.mark.parametrize("most", [math.inf, 1.0], ids=["added and lost", "lost"])
    def test_the_sum_is_that_of_its_terms(self, loss: DisturbanceLoss, most: float) -> None:
        original = list(self.ORIGINAL)
        decoded = [power * min(change, most) for power, change in zip(original, self.CHANGED)]
        symmetric, added, branches = self.by_hand(decoded, original)
        assert branches == ({"none", "ratio", "most"} if most > 1 else {"none"})
        assert 1 < symmetric < 45
        assert 1 < added < 45 if most > 1 else added == 0
        expected = 0.1 * symmetric + 0.0309 * added
        found = float(loss.disturbance(torch.tensor([[decoded]]), torch.tensor([[original]])))
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)

    def test_a_frame_counts_for_45_at_most(self, loss: DisturbanceLoss) -> None:
        """As the worst frames of PESQ; for frames of other loss the root of the mean square."""
        original = torch.full((1, 2, 49), 1e2)
        decoded = torch.stack([torch.full((49,), 1e9), torch.full((49,), 1e2)])[None]
        assert float(loss.disturbance(decoded[:, :1], original[:, :1])) == pytest.approx(0.1309 * 45, rel=1e-3)
        assert float(loss.disturbance(decoded, original)) == pytest.approx(0.1309 * 45 / 2**0.5, rel=1e-3)


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
