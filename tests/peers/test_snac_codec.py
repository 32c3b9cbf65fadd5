"""The official SNAC, weight for weight: the same codes, and with the same noise the same waveform.

`pip install einops` and `pip install --no-deps snac`; without them these tests are skipped.
"""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from kvant.codec import Codec
from kvant.codecs import snac
from kvant.importing.filling import fill
from kvant.layers.noise_block import noise_at
from tests.near_ties import count_near_ties
from tests.peers import stand_ins
from tests.speech import speech

pytest.importorskip("einops")
official = pytest.importorskip("snac")

RELEASE = snac.PUBLISHED["snac-24khz"]
CONFIGS = {
    "24 kHz, narrow": replace(RELEASE.config, encoder_channels=4, decoder_channels=48, codebook_size=64),
    "music, narrow": replace(
        snac.PUBLISHED["snac-32khz"].config, encoder_channels=8, decoder_channels=128, codebook_size=64
    ),
    "odd strides": replace(RELEASE.config, strides=(3, 5), encoder_channels=6, decoder_channels=16, codebook_size=32),
}


@pytest.fixture(scope="module", params=list(CONFIGS))
def models(request: pytest.FixtureRequest) -> tuple[nn.Module, Codec]:
    """(theirs, ours) of one config with the same weights, in evaluation."""
    config = CONFIGS[request.param]
    torch.manual_seed(0)
    theirs = official.SNAC(
        sampling_rate=config.sample_rate,
        encoder_dim=config.encoder_channels,
        encoder_rates=list(config.strides),
        decoder_dim=config.decoder_channels,
        decoder_rates=list(config.strides[::-1]),
        attn_window_size=config.attention_window,
        codebook_size=config.codebook_size,
        codebook_dim=config.codebook_dim,
        vq_strides=list(config.code_strides),
    )
    stand_ins.stir(theirs, "original0")
    return theirs.eval(), fill(replace(RELEASE, config=config), theirs.state_dict())


@pytest.fixture(scope="module")
def speech_of_two() -> Tensor:
    return speech(0.5, batch=2, seed=3)


@pytest.fixture
def same_noise(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Their draws are our noise, of block after block; the list counts them."""
    drawn: list[int] = []

    def noise(shape: tuple[int, int, int], device: torch.device, dtype: torch.dtype) -> Tensor:
        drawn.append(shape[-1])
        return noise_at(0, shape[-1], len(drawn) - 1, torch.empty(0, dtype=dtype)).expand(shape)

    monkeypatch.setattr(torch, "randn", noise)
    return drawn


@pytest.mark.parametrize("samples", [-1, 0, 1, 257], ids="2 frames {:+}".format)
def test_codes_and_wav_are_its(
    models: tuple[nn.Module, Codec], speech_of_two: Tensor, samples: int, same_noise: list[int]
) -> None:
    """With their list of codes folded into frames; whole and frame by frame."""
    theirs, ours = models
    wav = speech_of_two[..., : 2 * ours.hop_length + samples]
    with torch.no_grad():
        audio, scales = theirs(wav)
        latents = ours.encoder(ours.pad(wav))
    blocks = len(same_noise)
    assert blocks == sum(1 for name, _ in ours.named_parameters() if "noise" in name)
    expected = ours.quantizer.fold(scales)  # type: ignore[operator, union-attr]
    codes = ours.encode(wav)
    assert count_near_ties(ours.quantizer, latents, codes, expected) == 0
    for mine, scale in zip(ours.quantizer.unfold(codes), scales, strict=True):  # type: ignore[operator, union-attr]
        assert torch.equal(mine, scale)
    assert audio.std() > 0.02
    torch.testing.assert_close(ours.decode(expected, wav.shape[-1]), audio, rtol=0, atol=1e-5)
    torch.testing.assert_close(ours.decode(expected, wav.shape[-1], chunk=1), audio, rtol=0, atol=1e-5)
