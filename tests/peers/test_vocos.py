"""The official Vocos, weight for weight: EnCodec's codes and the same waveform, and the same mel spectra and theirs.

`pip install einops pyyaml` and `pip install --no-deps encodec vocos`; without them these tests are skipped.
"""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.codecs import vocos, vocos_mel
from kvant.codecs.vocos_mel import MelVocoder
from kvant.decoders.vocos import BackboneConfig
from kvant.errors import ModelError
from kvant.importing.filling import fill, pour
from kvant.layers.mel import LogMelSpectrum
from kvant.layers.seanet import SEANetConfig
from tests.near_ties import count_near_ties
from tests.peers import stand_ins
from tests.peers.official_vocos import official, stir
from tests.speech import speech

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
HOP = 320
RELEASE = vocos.PUBLISHED["vocos-encodec-24khz"]
SMALL = dataclasses.replace(
    RELEASE.config, seanet=SEANetConfig(filters=8), backbone=BackboneConfig(32, 48, blocks=3), edges="mirror"
)
BANDWIDTHS = (1.5, 3.0, 6.0, 12.0)


def official_model(
    filters: int, backbone: BackboneConfig, latent_dim: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, Any]:
    """(the official model, its EnCodec), with random weights, codebooks where the residuals are."""
    vocoder, features = official("vocos.pretrained"), official("vocos.feature_extractors")
    torch.manual_seed(0)
    front = stand_ins.encodec("model").EncodecModel._get_model([*BANDWIDTHS, 24.0])
    if filters != 32:
        modules = stand_ins.encodec("modules")
        front.encoder = modules.SEANetEncoder(n_filters=filters, norm="weight_norm", causal=True)
        front.decoder = modules.SEANetDecoder(n_filters=filters, norm="weight_norm", causal=True)
    with torch.no_grad():
        for name, parameter in front.named_parameters():
            if name.endswith("weight_g"):
                parameter.mul_(2)
        residual = front.encoder(speech(0.7, batch=4, seed=3)).transpose(1, 2).reshape(-1, latent_dim)
        for level in front.quantizer.vq.layers:
            book = level._codebook
            rows = residual[torch.randint(len(residual), (book.codebook_size,))]
            book.embed.copy_(0.3 * rows + 0.03 * residual.std() * torch.randn_like(rows))
            residual = residual - book.decode(book.encode(residual))
    monkeypatch.setattr(features.EncodecModel, "encodec_model_24khz", lambda pretrained: front)
    decoder = official("vocos.models").VocosBackbone(
        latent_dim, backbone.channels, backbone.hidden, backbone.blocks, adanorm_num_embeddings=len(BANDWIDTHS)
    )
    head = official("vocos.heads").ISTFTHead(backbone.channels, 1280, HOP)
    model = vocoder.Vocos(features.EncodecFeatures(bandwidths=list(BANDWIDTHS)), decoder, head)
    stir(model)
    return model.eval(), front


@pytest.fixture(scope="module")
def models() -> tuple[Any, Codec]:
    """(theirs, ours) of a narrow model."""
    with pytest.MonkeyPatch.context() as patch:
        theirs, _ = official_model(8, SMALL.backbone, 128, patch)
    return theirs, fill(dataclasses.replace(RELEASE, config=SMALL), theirs.state_dict())


def assert_close(wav: Tensor, other: Tensor) -> None:
    """Within 1e-5 of the peak, and not silence."""
    assert other.abs().max() > 0.01
    assert wav.shape == other.shape
    assert (wav - other).abs().max() <= 1e-5 * other.abs().max()


@torch.no_grad()
def assert_same(theirs: Any, ours: Codec, wav: Tensor, bandwidth: int, levels: int) -> None:
    """Codes of EnCodec, and the wav of theirs through Vocos."""
    theirs.feature_extractor.encodec.set_target_bandwidth(BANDWIDTHS[bandwidth])
    expected = theirs.feature_extractor.get_encodec_codes(wav.squeeze(1)).transpose(0, 1)
    codes = ours.encode(wav, levels)
    assert codes.shape == expected.shape == (len(wav), levels, -(-wav.shape[-1] // HOP))
    latents = ours.encoder(wav)
    assert count_near_ties(ours.quantizer, latents, codes, expected) == 0
    told = torch.tensor([bandwidth])
    reference = theirs.decode(theirs.codes_to_features(expected.transpose(0, 1)), bandwidth_id=told)[:, None]
    assert_close(ours.decode(expected), reference)
    assert_close(ours.decode(codes, wav.shape[-1]), theirs(wav.squeeze(1), bandwidth_id=told)[:, None, : wav.shape[-1]])


class TestCodec:
    @pytest.mark.parametrize(("bandwidth", "levels"), list(enumerate((2, 4, 8, 16))))
    def test_same_codes_and_waveform_at_every_bitrate(
        self, models: tuple[Any, Codec], bandwidth: int, levels: int
    ) -> None:
        assert_same(*models, speech(0.4), bandwidth, levels)

    @pytest.mark.parametrize("length", [1, HOP - 1, HOP, HOP + 1, 9 * HOP + 3])
    def test_same_codes_and_waveform_at_every_length(self, models: tuple[Any, Codec], length: int) -> None:
        assert_same(*models, speech(0.5, batch=2, seed=4)[..., :length] + 0.05, 1, 4)

    def test_bitrates_between_are_decoded_as_the_next_below(self, models: tuple[Any, Codec]) -> None:
        """Six levels with what is told of four, and one with what is told of two."""
        theirs, ours = models
        codes = ours.encode(speech(0.2))
        for levels, bandwidth in ((6, 1), (1, 0), (15, 2)):
            features = theirs.codes_to_features(codes[:, :levels].transpose(0, 1))
            reference = theirs.decode(features, bandwidth_id=torch.tensor([bandwidth]))[:, None]
            assert_close(ours.decode(codes[:, :levels]), reference)

    def test_chunks_are_the_official_whole(self, models: tuple[Any, Codec]) -> None:
        theirs, ours = models
        codes = ours.encode(speech(0.9))
        features = theirs.codes_to_features(codes.transpose(0, 1))
        reference = theirs.decode(features, bandwidth_id=torch.tensor([3]))[:, None]
        assert_close(ours.decode(codes, chunk=7), reference)

    def test_the_decoder_has_the_same_gradients(self, models: tuple[Any, Codec]) -> None:
        theirs, ours = models
        features = torch.randn(2, 128, 20, generator=torch.Generator().manual_seed(5))
        told = torch.tensor([2])
        theirs.head(theirs.backbone(features, bandwidth_id=told)).square().sum().backward()
        ours.decoder_at(8)(features).square().sum().backward()
        expected = {name: p.grad for name, p in theirs.named_parameters() if name.startswith(("backbone.", "head."))}
        found = {name: p.grad for name, p in ours.named_parameters() if name.startswith("decoder.")}
        for name, gradient in vocos.decoder_from_official(expected).items():
            mine = found.pop(name)
            torch.testing.assert_close(mine, gradient, rtol=1e-4, atol=1e-4 * float(gradient.abs().max()))
        assert not found

    def test_another_encodec_is_refused(self, models: tuple[Any, Codec]) -> None:
        state = dict(models[0].state_dict())
        name = "feature_extractor.encodec.quantizer.vq.layers.7._codebook.embed"
        state[name] = state[name].roll(1, dims=0)
        with pytest.raises(ModelError, match="codebooks are not those the decoder was trained with"):
            fill(dataclasses.replace(RELEASE, config=SMALL), state)

    def test_the_published_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Names, shapes, codes and waveform; what the file without EnCodec holds has the sizes that are reported."""
        theirs, front = official_model(32, RELEASE.config.backbone, 128, monkeypatch)
        ours = fill(RELEASE, theirs.state_dict())
        assert_same(theirs, ours, speech(0.25)[..., :-77], 3, 16)
        assert sum(p.numel() for p in ours.decoder.parameters()) == 7_984_258
        assert len(theirs.state_dict()) - len(front.state_dict()) == 82


@pytest.fixture(scope="module")
def vocoders() -> tuple[Any, MelVocoder]:
    """(theirs, ours) of the published size."""
    features = official("vocos.feature_extractors").MelSpectrogramFeatures()
    torch.manual_seed(0)
    backbone = official("vocos.models").VocosBackbone(100, 512, 1536, 8)
    head = official("vocos.heads").ISTFTHead(512, 1024, 256, padding="center")
    theirs = official("vocos.pretrained").Vocos(features, backbone, head).eval()
    stir(theirs)
    ours = vocos_mel.build(vocos_mel.Config())
    pour(vocos_mel.PUBLISHED, theirs.state_dict(), ours)
    return theirs, ours.eval()


class TestVocoder:
    def test_same_features(self, vocoders: tuple[Any, MelVocoder]) -> None:
        theirs, ours = vocoders
        assert isinstance(ours.features, LogMelSpectrum)
        torch.testing.assert_close(
            ours.features.triangles, theirs.feature_extractor.mel_spec.mel_scale.fb, atol=2e-5, rtol=0
        )
        wav = speech(0.4, batch=2)
        torch.testing.assert_close(ours.features(wav), theirs.feature_extractor(wav.squeeze(1)), rtol=0, atol=2e-3)

    @pytest.mark.parametrize("length", [513, 767, 768, 769, 5003])
    def test_same_waveform(self, vocoders: tuple[Any, MelVocoder], length: int) -> None:
        theirs, ours = vocoders
        wav = speech(0.3, batch=2)[..., :length]
        with torch.no_grad():
            mel = ours.features(wav)
            expected = theirs.decode(mel)[:, None]
            assert_close(ours.decode(mel), expected)
            again = ours(wav)
        assert again.shape == wav.shape
        assert_close(again[..., : expected.shape[-1]], expected)

    def test_size(self, vocoders: tuple[Any, MelVocoder]) -> None:
        assert sum(p.numel() for p in vocoders[1].parameters()) == 13_531_650
