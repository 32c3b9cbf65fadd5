"""The official WavTokenizer, weight for weight: the same code a frame, the same waveform.

It is no package: `git clone https://github.com/jishengpeng/WavTokenizer`, put the clone on PYTHONPATH (it has the
modules `encoder` and `decoder`), and `pip install einops pyyaml`; without them these tests are skipped.
"""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.codecs import wavtokenizer
from kvant.decoders.vocos import BackboneConfig
from kvant.importing.filling import fill
from kvant.importing.published import PUBLISHED
from tests.near_ties import count_near_ties
from tests.peers.official_vocos import official, stir
from tests.speech import speech

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
SMALL = BackboneConfig(64, 96, blocks=2)
CONFIGS = {
    "75": replace(wavtokenizer.TOKENS_75, latent_dim=24, codebook_size=256, backbone=SMALL),
    "40": replace(wavtokenizer.TOKENS_40, latent_dim=24, codebook_size=256, backbone=SMALL),
}
FILTERS = 8
FIRST = torch.tensor([0])
"""The bitrate that the official examples name, of four that are the same."""


def official_model(config: wavtokenizer.Config) -> Any:
    """The official model of `config` with random weights, its codebook where its latents are."""
    features = official("decoder.feature_extractors")
    strides, backbone = list(config.seanet.strides[::-1]), config.backbone
    torch.manual_seed(0)
    model = official("decoder.pretrained").WavTokenizer(
        features.EncodecFeatures(
            bandwidths=[6.6] * 4, num_quantizers=1, dowmsamples=strides, vq_bins=config.codebook_size, vq_kmeans=200
        ),
        official("decoder.models").VocosBackbone(
            config.latent_dim, backbone.channels, backbone.hidden, backbone.blocks, adanorm_num_embeddings=4
        ),
        official("decoder.heads").ISTFTHead(backbone.channels, config.window_length, config.window_length // 4),
    )
    inner = model.feature_extractor.encodec
    if config.seanet.filters != 32 or config.latent_dim != 512:
        inner.encoder = features.SEANetEncoder(
            causal=False,
            norm="weight_norm",
            dimension=config.latent_dim,
            n_filters=config.seanet.filters,
            ratios=strides,
        )
        inner.quantizer = features.ResidualVectorQuantizer(
            dimension=config.latent_dim, n_q=1, bins=config.codebook_size, kmeans_iters=200
        )
    stir(model)
    with torch.no_grad():
        for name, parameter in inner.encoder.named_parameters():
            if name.endswith("weight_g"):
                parameter.mul_(2)
        latents = inner.encoder(speech(0.7, batch=2, seed=3)).transpose(1, 2).reshape(-1, config.latent_dim)
        book = inner.quantizer.vq.layers[0]._codebook
        book.inited.fill_(1)
        rows = latents[torch.randint(len(latents), (config.codebook_size,))]
        book.embed.copy_(rows + 0.1 * latents.std() * torch.randn_like(rows))
    return model.eval()


@pytest.fixture(scope="module", params=list(CONFIGS))
def models(request: pytest.FixtureRequest) -> tuple[Any, Codec]:
    """(theirs, ours) of a narrow model."""
    config = CONFIGS[request.param]
    config = replace(config, seanet=replace(config.seanet, filters=FILTERS))
    theirs = official_model(config)
    return theirs, fill(replace(PUBLISHED["wavtokenizer-small-75"], config=config), theirs.state_dict())


def assert_close(wav: Tensor, other: Tensor) -> None:
    """Within 1e-5 of the peak, and not silence."""
    assert other.abs().max() > 1e-3
    assert wav.shape == other.shape
    assert (wav - other).abs().max() <= 1e-5 * other.abs().max()


@torch.no_grad()
def assert_same(theirs: Any, ours: Codec, wav: Tensor) -> None:
    """Latents, codes, and the wav of both."""
    features, expected = theirs.encode_infer(wav.squeeze(1), bandwidth_id=FIRST)
    latents = ours.encoder(wav)
    reference = theirs.feature_extractor.encodec.encoder(wav)
    torch.testing.assert_close(latents, reference, rtol=0, atol=1e-5 * float(reference.abs().max()))
    codes = ours.encode(wav)
    assert codes.shape == (len(wav), 1, -(-wav.shape[-1] // ours.hop_length))
    assert count_near_ties(ours.quantizer, latents, codes, expected.transpose(0, 1)) == 0
    heard = theirs.decode(features, bandwidth_id=FIRST)[:, None]
    assert_close(ours.decode(codes), heard)
    assert_close(ours.decode(codes, wav.shape[-1]), heard[..., : wav.shape[-1]])


@pytest.mark.parametrize(("hops", "samples"), [(0, 1), (1, -1), (1, 0), (1, 1), (7, 3), (20, 177)])
def test_same_codes_and_waveform_at_every_length(models: tuple[Any, Codec], hops: int, samples: int) -> None:
    length = hops * models[1].hop_length + samples
    assert_same(*models, speech(0.6, batch=2, seed=4)[..., :length] + 0.05)


def test_codes_of_chunks_are_those_of_the_official_whole(models: tuple[Any, Codec]) -> None:
    theirs, ours = models
    wav = speech(0.7)[..., :-77]
    _, expected = theirs.encode_infer(wav.squeeze(1), bandwidth_id=FIRST)
    assert torch.equal(ours.encode(wav, chunk=5), expected.transpose(0, 1))
    assert len(expected.unique()) > 5


def test_commitment_and_the_gradients_of_the_decoder_are_the_same(models: tuple[Any, Codec]) -> None:
    theirs, ours = models
    wav = speech(0.3)[..., : 9 * ours.hop_length]
    quantizer = theirs.feature_extractor.encodec.quantizer.vq
    with torch.no_grad():
        latents = ours.encoder(wav)
    book = quantizer.layers[0]._codebook
    kept, book.threshold_ema_dead_code, book.decay = book.embed.clone(), 0, 1.0
    _, _, commitment = quantizer.train()(latents)
    book.embed.copy_(kept)
    quantizer.eval()
    quantized = ours.quantizer(latents)
    torch.testing.assert_close(quantized.losses["commitment"], commitment.detach().squeeze())
    features = quantized.latents.detach()
    theirs.head(theirs.backbone(features, bandwidth_id=FIRST)).square().sum().backward()
    ours.decoder(features).square().sum().backward()
    expected = {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        for name, parameter in theirs.named_parameters()
        if name.startswith(("backbone.", "head."))
    }
    found = {name: p.grad for name, p in ours.named_parameters() if name.startswith("decoder.")}
    for name, gradient in wavtokenizer.from_official(expected).items():
        mine = found.pop(name)
        scale = float(gradient.abs().max()) + 1e-3
        torch.testing.assert_close(mine, gradient, rtol=1e-3, atol=1e-4 * scale, msg=name)
    assert not found


def test_the_published_widths() -> None:
    """Codes and waveform at 40 frames a second; of twelve blocks that are alike, one."""
    config = replace(wavtokenizer.TOKENS_40, backbone=replace(wavtokenizer.TOKENS_40.backbone, blocks=1))
    theirs = official_model(config)
    ours = fill(replace(PUBLISHED["wavtokenizer-large-40"], config=config), theirs.state_dict())
    assert len(theirs.state_dict()) == 289 - 11 * 9
    assert_same(theirs, ours, speech(0.25)[..., :-77])
