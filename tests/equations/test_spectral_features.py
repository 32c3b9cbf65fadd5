"""Features of a classical transform codec: what they measure, and what comes back from them."""

import math

import pytest
import torch
from torch import Tensor

from kvant.layers.spectral_features import ENERGY_FLOOR, FeatureConfig, SpectralFeatures

CONFIG = FeatureConfig()


@pytest.fixture(scope="module")
def features() -> SpectralFeatures:
    return SpectralFeatures(CONFIG)


@pytest.fixture(scope="module")
def spectra() -> Tensor:
    """MDCT and MDST frames with a spectral tilt, loud enough to be far above the floor: [7, 640]."""
    tilt = torch.exp(-torch.arange(320) / 100).repeat(2)
    return torch.randn(7, 640, generator=torch.Generator().manual_seed(0)) * tilt


def test_levels_are_half_the_log_of_the_mean_energy_of_each_band(features: SpectralFeatures, spectra: Tensor) -> None:
    """A gain of g adds log g to every level, weighted: an octave is the same step at any level and in any band."""
    louder = features(10 * spectra) - features(spectra)
    expected = torch.full((7, 20), CONFIG.band_weight * math.log(10))
    torch.testing.assert_close(louder[:, CONFIG.num_coefficients :], expected, rtol=1e-3, atol=0)
    flat = features(torch.full((1, 640), 0.5))[0, CONFIG.num_coefficients :]
    torch.testing.assert_close(flat, torch.full((20,), CONFIG.band_weight * math.log(0.5)), rtol=1e-4, atol=1e-6)


def test_silence_is_the_floor(features: SpectralFeatures) -> None:
    silence = features(torch.zeros(1, 640))
    assert not silence[0, : CONFIG.num_coefficients].any()
    level = 0.5 * math.log(ENERGY_FLOOR) * CONFIG.band_weight
    torch.testing.assert_close(silence[0, CONFIG.num_coefficients :], torch.full((20,), level))
    coefficients, missing, _ = features.restore(silence)
    assert not coefficients.any()
    assert missing.max() < 2e-5


def test_coded_bins_come_back(features: SpectralFeatures, spectra: Tensor) -> None:
    coefficients, _, _ = features.restore(features(spectra))
    torch.testing.assert_close(coefficients, spectra[:, : CONFIG.num_coefficients], rtol=1e-4, atol=1e-5)


def test_coefficients_and_what_is_missing_add_up_to_the_bands_energy(
    features: SpectralFeatures, spectra: Tensor
) -> None:
    """Energy is conserved: in each band, coded and missing add up to the level, or more where too much is coded."""
    coefficients, missing, envelope = features.restore(features(spectra))
    power = (spectra[:, :320] ** 2 + spectra[:, 320:] ** 2) / 2
    true = features.bands.mean(power)
    torch.testing.assert_close(features.bands.mean(envelope**2), true, rtol=1e-3, atol=1e-6)
    coded = features.bands.mean(torch.nn.functional.pad(coefficients**2, (0, 320 - CONFIG.num_coefficients)))
    total = coded + features.bands.mean(missing**2)
    torch.testing.assert_close(total, torch.maximum(coded, true), rtol=1e-3, atol=1e-6)
    above = features.bands.spread(coded) == 0
    torch.testing.assert_close(missing[above], envelope[above], rtol=1e-3, atol=1e-5)


def test_levels_from_wild_codes_stay_finite(features: SpectralFeatures) -> None:
    """A decoder meets combinations of codes that no encoder made."""
    wild = torch.randn(50, CONFIG.num_features, generator=torch.Generator().manual_seed(0)) * 100
    assert all(torch.isfinite(part).all() for part in features.restore(wild))
