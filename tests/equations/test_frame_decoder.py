"""What the frame decoder's network may do to the spectrum, and what not."""

import itertools

import torch
from torch import Tensor

from kvant.decoders.frame import FrameDecoder
from kvant.layers.bands import band_edges
from kvant.layers.context import ContextConfig
from kvant.layers.spectral_features import FeatureConfig
from kvant.protocols import State
from tests.wide_awake import wake

FEATURES = FeatureConfig()


def test_above_the_coded_bins_there_is_noise_of_one_level_per_band() -> None:
    """Whatever the network asks for: no bin can whistle."""
    torch.manual_seed(0)
    decoder = FrameDecoder(FEATURES, ContextConfig(channels=16, hidden=24, dilations=(1,)), latent_dim=24)
    wake(decoder)
    heard: list[Tensor] = []
    step = decoder.synthesis.step

    def listening(spectrum: Tensor, state: State) -> tuple[Tensor, State]:
        heard.append(spectrum)
        return step(spectrum, state)

    decoder.synthesis.step = listening  # type: ignore[method-assign]
    with torch.no_grad():
        decoder(torch.randn(2, 24, 30))
    magnitude = heard[0].abs()
    edges = band_edges(FEATURES.num_bins, FEATURES.num_bands, FEATURES.nyquist)
    pairs = [(low, high) for low, high in itertools.pairwise(edges) if low >= FEATURES.num_coefficients]
    assert len(pairs) > 2
    for low, high in pairs:
        band = magnitude[:, low:high]
        torch.testing.assert_close(band, band[:, :1].expand_as(band))
    levels = torch.stack([magnitude[:, low] for low, _ in pairs])
    assert levels.std(dim=-1).min() > 0


def test_what_the_network_adds_does_not_repeat_at_the_frame_rate() -> None:
    """Steady latents without coefficients give steady noise: lines at multiples of the frame rate would correlate."""
    torch.manual_seed(0)
    decoder = FrameDecoder(FEATURES, ContextConfig(channels=16, hidden=24, dilations=(1,)), latent_dim=24)
    wake(decoder)
    decoder.klt.basis.data.zero_()
    decoder.klt.mean.data[: FEATURES.num_coefficients] = 0
    decoder.klt.mean.data[FEATURES.num_coefficients :] = -0.3
    amplitudes = slice(FEATURES.num_coefficients, 2 * FEATURES.num_coefficients)
    decoder.leave.weight.data[amplitudes] *= 50
    with torch.no_grad():
        wav = decoder(torch.randn(1, 24, 1).expand(1, 24, 60))[0, 0, 6400:]
    assert wav.std() > 1e-3
    for lag in (FEATURES.num_bins, 2 * FEATURES.num_bins):
        correlation = torch.corrcoef(torch.stack([wav[lag:], wav[:-lag]]))[0, 1]
        assert abs(float(correlation)) < 0.15
