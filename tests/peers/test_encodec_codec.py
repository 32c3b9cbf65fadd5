"""The official EnCodec package's codec, weight for weight: the same codes, the same waveform.

How to install it is said in `test_encodec.py`; without it these tests are skipped.
"""

import copy
import dataclasses
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.codecs import encodec
from kvant.codecs.published import Published
from kvant.importing.filling import fill
from kvant.importing.published import PUBLISHED
from kvant.layers.seanet import SEANetConfig
from kvant.streaming import stepwise
from tests.near_ties import count_near_ties
from tests.peers import stand_ins
from tests.peers.training_steps import assert_same_gradients, assert_same_statistics, same_statistics
from tests.speech import speech

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
HOP = 320
SMALL = SEANetConfig(filters=8)


@pytest.fixture(scope="module")
def official() -> ModuleType:
    return stand_ins.encodec("model")


@torch.no_grad()
def awake(model: Any) -> Any:
    """The model with louder weights than at first, and each codebook where its residuals are."""
    for name, parameter in model.named_parameters():
        if name.endswith("weight_g"):
            parameter.mul_(2)
    residual = model.encoder(speech(2.0, batch=4, seed=3)).transpose(1, 2).reshape(-1, model.encoder.dimension)
    for level in model.quantizer.vq.layers:
        book = level._codebook
        rows = residual[torch.randint(len(residual), (book.codebook_size,))]
        book.embed.copy_(0.3 * rows + 0.03 * residual.std() * torch.randn_like(rows))
        residual = residual - book.decode(book.encode(residual))
    return model.eval()


def published(config: encodec.Config) -> Published:
    return dataclasses.replace(PUBLISHED["encodec-24khz"], config=config)


def made(official: ModuleType) -> tuple[Codec, Any]:
    """(ours, theirs), filled with the same random weights; of a quarter of the channels."""
    torch.manual_seed(0)
    theirs = official.EncodecModel._get_model([1.5, 3.0, 6.0, 12.0, 24.0])
    theirs.encoder = official.m.SEANetEncoder(n_filters=SMALL.filters, norm="weight_norm", causal=True)
    theirs.decoder = official.m.SEANetDecoder(n_filters=SMALL.filters, norm="weight_norm", causal=True)
    awake(theirs)
    return fill(published(encodec.Config(seanet=SMALL, edges="mirror")), theirs.state_dict()), theirs


@pytest.fixture(scope="module")
def pair(official: ModuleType) -> tuple[Codec, Any]:
    return made(official)


@torch.no_grad()
def both(pair: tuple[Codec, Any], wav: Tensor, kbps: float, levels: int) -> None:
    """Codes equal but for a near tie in 300, and the waveform of the same codes within 1e-5 of their peak."""
    ours, theirs = pair
    theirs.set_target_bandwidth(kbps)
    ((expected, scale),) = theirs.encode(wav)
    codes = ours.encode(wav, levels)
    assert scale is None
    assert codes.shape == expected.shape == (len(wav), levels, -(-wav.shape[-1] // HOP))
    latents = ours.encoder(wav)
    torch.testing.assert_close(latents, theirs.encoder(wav), rtol=0, atol=1e-5 * float(latents.abs().max()))
    assert count_near_ties(ours.quantizer, latents, codes, expected) <= 1 + codes.numel() / 300
    heard, reference = ours.decode(expected, wav.shape[-1]), theirs.decode([(expected, None)])[..., : wav.shape[-1]]
    assert heard.shape == wav.shape
    assert (heard - reference).abs().max() <= 1e-5 * reference.abs().max()


@pytest.mark.parametrize(("kbps", "levels"), [(1.5, 2), (6.0, 8), (24.0, 32)])
def test_same_codes_and_waveform_at_every_bitrate(pair: tuple[Codec, Any], kbps: float, levels: int) -> None:
    both(pair, speech(0.4), kbps, levels)


@pytest.mark.parametrize("length", [1, 2, 7, HOP - 1, HOP, HOP + 1, 6 * HOP, 7 * HOP + 3, 20 * HOP + 161])
def test_same_codes_and_waveform_at_every_length(pair: tuple[Codec, Any], length: int) -> None:
    both(pair, speech(1.0, batch=3)[..., :length], 6.0, 8)


def test_streams_give_the_codes_and_waveform_of_the_official_whole(pair: tuple[Codec, Any]) -> None:
    """Seven hops first, then one by one, and an end within a hop."""
    ours, theirs = pair
    wav = speech(0.4, batch=2)[..., : 25 * HOP + 99]
    theirs.set_target_bandwidth(24.0)
    with torch.no_grad():
        ((codes, _),) = theirs.encode(wav)
        latents = stepwise(ours.encoder, wav, [7 * HOP] + [HOP] * 18 + [99])
        assert count_near_ties(ours.quantizer, latents, ours.quantizer.encode(latents), codes) <= 2
        heard = stepwise(ours.decoder, ours.quantizer.decode(codes), [7] + [1] * 19)
        reference = theirs.decode([(codes, None)])
    assert (heard - reference).abs().max() <= 1e-5 * reference.abs().max()


def test_the_published_size(official: ModuleType) -> None:
    """Codes and waveform at the full rate; and all the weights, but for one gain a row, which folding saves."""
    torch.manual_seed(0)
    theirs = awake(official.EncodecModel._get_model([1.5, 3.0, 6.0, 12.0, 24.0]))
    ours = fill(PUBLISHED["encodec-24khz"], theirs.state_dict())
    both((ours, theirs), speech(0.3)[..., :-77], 24.0, 32)
    gains = sum(value.numel() for name, value in theirs.named_parameters() if name.endswith("weight_g"))
    expected = sum(value.numel() for value in theirs.parameters()) - gains
    assert sum(value.numel() for value in ours.parameters()) == expected


@pytest.fixture
def in_training(official: ModuleType) -> tuple[Codec, Any]:
    """As `pair`, in the midst of training; each test has its own."""
    ours, theirs = made(official)
    same_statistics(ours.quantizer.codebooks, books(theirs.quantizer))
    return ours.train(), theirs.train()


def books(quantizer: Any) -> list[Any]:
    return [level._codebook for level in quantizer.vq.layers]


def trained(theirs: Any, wav: Tensor, kbps: float) -> tuple[Tensor, Tensor, Tensor]:
    """(wav, codes [B, K, T], commitment) in training: the package has its parts, and nothing that does it."""
    result = theirs.quantizer(theirs.encoder(wav), theirs.frame_rate, kbps)
    return theirs.decoder(result.quantized)[..., : wav.shape[-1]], result.codes.transpose(0, 1), result.penalty


def test_in_training_the_waveform_and_all_gradients_are_its(in_training: tuple[Codec, Any]) -> None:
    ours, theirs = in_training
    wav, other = (speech(0.3, batch=2, seed=5).requires_grad_() for _ in range(2))
    mine, (heard, codes, _) = ours(wav), trained(theirs, other, 24.0)
    assert torch.equal(mine.quantized.codes, codes)
    torch.testing.assert_close(mine.wav, heard, rtol=0, atol=1e-5 * float(heard.detach().abs().max()))
    (mine.wav - wav.detach()).abs().mean().backward()
    (heard - wav.detach()).abs().mean().backward()
    assert wav.grad is not None
    assert other.grad is not None
    torch.testing.assert_close(wav.grad, other.grad, rtol=0, atol=1e-4 * float(other.grad.abs().max()))
    assert_same_gradients(theirs, ours, encodec.from_official)


@pytest.mark.parametrize(("kbps", "levels"), [(0.75, 1), (6.0, 8), (24.0, 32)])
def test_commitment_is_its_and_reaches_the_encoder_from_every_level(
    in_training: tuple[Codec, Any], kbps: float, levels: int
) -> None:
    """A mean over the levels in use there, over all of them here. Their gradient is that of the first level alone."""
    ours, theirs = in_training
    with torch.no_grad():
        latents = ours.encoder(speech(0.3, batch=2, seed=5))
    left, right = latents.clone().requires_grad_(), latents.clone().requires_grad_()
    vectors = [book.weight.clone() for book in ours.quantizer.codebooks]
    mine, expected = ours.quantizer(left, levels), theirs.quantizer(right, theirs.frame_rate, kbps)
    commitment = mine.losses["commitment"] * len(vectors) / levels
    torch.testing.assert_close(commitment, expected.penalty)
    commitment.backward()
    expected.penalty.backward()
    assert left.grad is not None
    assert right.grad is not None
    residual, terms = latents.transpose(1, 2), []
    for level in range(levels):
        residual = residual - vectors[level][mine.codes[:, level]]
        terms.append(2 * residual.transpose(1, 2) / latents.numel() / levels)
    torch.testing.assert_close(right.grad, terms[0], rtol=1e-4, atol=1e-9)
    torch.testing.assert_close(left.grad, sum(terms), rtol=1e-4, atol=1e-8)


def test_codebooks_move_as_its_do(in_training: tuple[Codec, Any]) -> None:
    """Over three steps. Of what it replaces, nothing is left: the running means are put over it at once."""
    ours, theirs = in_training[0], in_training[1].quantizer
    without = copy.deepcopy(theirs)
    for book in books(without):
        book.threshold_ema_dead_code = 0
    for step in range(3):
        with torch.no_grad():
            latents = ours.encoder(speech(0.3, batch=2, seed=step))
            codes = ours.quantizer(latents, 16).codes
            for quantizer in (theirs, without):
                assert torch.equal(quantizer(latents, 75, 12.0).codes.transpose(0, 1), codes)
        assert_same_statistics(ours.quantizer.codebooks[:16], books(theirs)[:16])
    assert any((book.cluster_size < 2).any() for book in books(theirs)[:16])
    assert all(torch.equal(book.embed, other.embed) for book, other in zip(books(theirs), books(without), strict=True))
