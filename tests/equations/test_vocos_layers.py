"""Layers of Vocos against their definitions: centred transforms invert, blocks and norms are those we know already."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from kvant.decoders.by_depth import ByDepth
from kvant.decoders.vocos import BackboneConfig, VocosDecoder
from kvant.errors import UsageError
from kvant.heads import CentredISTFTHead
from kvant.heads.istft import spectra_of
from kvant.layers.adaptive_norm import AdaptiveLayerNorm
from kvant.layers.centred_istft import CentredISTFT
from kvant.layers.convnext import CentredConvNeXtBlock, ConvNeXtBlock
from kvant.layers.mel import LogMelSpectrum, mel_triangles
from kvant.streaming import LookAhead
from tests.speech import speech


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize(("window", "hop", "lead"), [(64, 16, 32), (64, 16, 24), (48, 12, 24), (30, 10, 10)])
def test_spectra_of_a_signal_give_it_back(window: int, hop: int, lead: int) -> None:
    """At the ends too, where fewer frames overlap; of any signal that is seen through the same window."""
    wav = drawn(2, 1, 9 * hop)
    seen = nn.functional.pad(wav, (lead, window - hop - lead)).squeeze(1).unfold(-1, window, hop)
    spectra = torch.fft.rfft(seen * torch.hann_window(window)).transpose(1, 2)
    back = CentredISTFT(window, hop, lead)(torch.cat([spectra.real, spectra.imag], dim=1))
    torch.testing.assert_close(back, wav, rtol=0, atol=2e-5)


def test_it_is_the_inverse_that_torch_has_for_frames_at_multiples_of_the_hop() -> None:
    """Of spectra that no signal has, and a hop longer."""
    spectra = torch.complex(drawn(2, 33, 9), drawn(3, 33, 9)[1:])
    expected = torch.istft(spectra, 64, 16, window=torch.hann_window(64))
    ours = CentredISTFT(64, 16, lead=32)(torch.cat([spectra.real, spectra.imag], dim=1))
    torch.testing.assert_close(ours[:, 0, : 8 * 16], expected, rtol=0, atol=1e-5)
    assert ours.shape == (2, 1, 9 * 16)


@pytest.mark.parametrize("lead", [0, 49])
def test_a_lead_that_leaves_ends_uncovered_is_refused(lead: int) -> None:
    with pytest.raises(UsageError, match=f"lead {lead}: must be 1 to 48"):
        CentredISTFT(64, 16, lead)


def test_a_head_makes_magnitude_and_phase_and_limits_the_first() -> None:
    logarithms = torch.tensor([[math.log(2.0), 9.0, math.pi / 3, math.pi + 8 * math.pi]])
    expected = torch.tensor([[1.0, -100.0, math.sqrt(3), 0.0]])
    torch.testing.assert_close(spectra_of(logarithms), expected, rtol=1e-5, atol=2e-4)


def test_a_centred_block_is_the_causal_one_three_frames_early() -> None:
    causal = ConvNeXtBlock(6, 12)
    nn.init.normal_(causal.scale)
    centred = CentredConvNeXtBlock(6, 12, nn.LayerNorm(6, eps=1e-5), scale=0.5)
    renamed = {name.replace("depthwise.conv", "depthwise"): tensor for name, tensor in causal.state_dict().items()}
    centred.load_state_dict(renamed)
    x = drawn(2, 6, 20)
    late = causal(nn.functional.pad(x, (0, 3)))[..., 3:] - nn.functional.pad(x, (0, 3))[..., 3:]
    torch.testing.assert_close(centred(x), x + late, rtol=0, atol=1e-5)


def test_a_norm_that_is_told_is_a_layer_norm_of_that_condition() -> None:
    norm = AdaptiveLayerNorm(3, 8)
    frames = drawn(2, 5, 8)
    plain = nn.functional.layer_norm(frames, (8,), eps=1e-6)
    assert torch.equal(norm(frames, torch.tensor([1])), plain), "told nothing yet"
    nn.init.normal_(norm.scale.weight)
    nn.init.normal_(norm.shift.weight)
    for item, condition in enumerate((2, 0)):
        weight, bias = norm.scale.weight[condition], norm.shift.weight[condition]
        expected = nn.functional.layer_norm(frames[item], (8,), weight, bias, eps=1e-6)
        torch.testing.assert_close(norm(frames, torch.tensor([2, 0]))[item], expected)


class TestByDepth:
    @pytest.fixture
    def decoder(self) -> ByDepth:
        torch.manual_seed(0)
        head = CentredISTFTHead(16, window_length=32, hop_length=8, lead=12)
        inner = VocosDecoder(5, BackboneConfig(16, 24, blocks=2), head, partial(AdaptiveLayerNorm, 3))
        for name, parameter in inner.named_parameters():
            if "scale" in name or "shift" in name:
                nn.init.normal_(parameter)
        return ByDepth(inner, (2, 4, 8))

    def test_the_depth_told_is_the_largest_that_is_not_above(self, decoder: ByDepth) -> None:
        told = [int(decoder.condition(depth)) for depth in range(1, 11)]
        assert told == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]

    def test_each_item_of_a_batch_may_have_its_own(self, decoder: ByDepth) -> None:
        latents = drawn(3, 5, 9)
        together = decoder.at_depth(torch.tensor([8, 2, 5]))(latents)
        for item, depth in enumerate((8, 2, 4)):
            alone = decoder.at_depth(depth)(latents[item : item + 1])
            torch.testing.assert_close(together[item : item + 1], alone, rtol=0, atol=1e-5)
            assert (alone - decoder.at_depth(2 if depth > 2 else 8)(latents[item : item + 1])).abs().max() > 0.01

    def test_told_nothing_it_takes_the_largest(self, decoder: ByDepth) -> None:
        latents = drawn(1, 5, 9)
        assert torch.equal(decoder(latents), decoder.at_depth(8)(latents))
        assert isinstance(decoder.at_depth(4), LookAhead)


class TestMel:
    def test_triangles_add_up_to_one_between_the_first_peak_and_the_last(self) -> None:
        triangles = mel_triangles(24000, 2048, 40)
        bins = torch.linspace(0, 12000, 1025, dtype=torch.float64)
        top = 2595 * math.log10(1 + 12000 / 700)
        first, last = (700 * (10 ** (top * band / 41 / 2595) - 1) for band in (1, 40))
        between = (bins >= first) & (bins <= last)
        torch.testing.assert_close(triangles.sum(1)[between], torch.ones(int(between.sum()), dtype=torch.float64))
        assert triangles[[0, -1]].max() < 1e-12, "neither 0 Hz nor Nyquist is in a band"

    def test_a_tone_has_the_magnitude_its_window_gives_it(self) -> None:
        """A sine of amplitude a on a bin: |X| is a W / 4 there, a W / 8 beside; whatever frame."""
        tone = 0.5 * torch.sin(2 * math.pi * 64 * torch.arange(4096) / 1024)[None, None]
        mels = LogMelSpectrum(24000, 1024, 256, 100)(tone)
        around = torch.zeros(513, dtype=torch.float64)
        around[63:66] = 0.5 * 1024 * torch.tensor([1 / 8, 1 / 4, 1 / 8])
        expected = (around @ mel_triangles(24000, 1024, 100)).clamp(min=1e-7).log().float()
        heard = expected > 0
        assert heard.sum() >= 2
        torch.testing.assert_close(mels[0, heard, 4:12], expected[heard, None].expand(-1, 8), rtol=0, atol=1e-3)

    @pytest.mark.parametrize("length", [1, 255, 256, 257, 513, 3000])
    def test_frames_of_any_length_and_a_floor(self, length: int) -> None:
        spectrum = LogMelSpectrum(24000, 1024, 256, 100)
        assert spectrum(speech(0.2)[..., :length]).shape == (1, 100, length // 256 + 1)
        silence = spectrum(torch.zeros(1, 1, length))
        torch.testing.assert_close(silence, torch.full_like(silence, math.log(1e-7)))
