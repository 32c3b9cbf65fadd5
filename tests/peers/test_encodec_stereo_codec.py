"""The official 48 kHz EnCodec, weight for weight: the same segments, the same scales, the same waveform.

How to install it is said in `test_encodec.py`; without it these tests are skipped.
"""

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from kvant.codecs import encodec_stereo
from kvant.codecs.segmented import SegmentedCodec
from kvant.importing.filling import pour
from kvant.layers.seanet import SEANetConfig
from tests.near_ties import count_near_ties
from tests.peers import stand_ins
from tests.speech import speech

RELEASE = encodec_stereo.PUBLISHED["encodec-48khz"]
SHORT = replace(
    RELEASE.config, seanet=SEANetConfig(filters=8, channels=2), segment_length=15 * 320, segment_stride=4752
)
Pair = tuple[SegmentedCodec, Any]


def stereo(seconds: float, batch: int = 2) -> Tensor:
    """Two voices, one louder to the left, the other to the right."""
    one, other = (speech(seconds + 0.1, batch, seed, sample_rate=48000)[..., 4800:] for seed in (5, 6))
    return torch.cat([one + 0.3 * other, 0.4 * other - 0.1 * one], dim=1)


@torch.no_grad()
def awake(model: Any) -> Any:
    """The model with gains and offsets of normalization apart, and each codebook where its residuals are."""
    for name, parameter in model.named_parameters():
        if name.endswith("norm.weight"):
            parameter.uniform_(0.5, 1.5)
        elif name.endswith("norm.bias"):
            parameter.normal_(0, 0.2)
    residual = model.encoder(stereo(0.3, batch=4)).transpose(1, 2).flatten(0, 1)
    for level in model.quantizer.vq.layers:
        book = level._codebook
        rows = residual[torch.randint(len(residual), (book.codebook_size,))]
        book.embed.copy_(0.3 * rows + 0.03 * residual.std() * torch.randn_like(rows))
        residual = residual - book.decode(book.encode(residual))
    return model.eval()


def ours_of(theirs: Any, config: encodec_stereo.Config) -> SegmentedCodec:
    codec = encodec_stereo.build(config)
    pour(replace(RELEASE, config=config), theirs.state_dict(), codec)
    return codec.eval()


@pytest.fixture(scope="module")
def official() -> ModuleType:
    return stand_ins.encodec("model")


@pytest.fixture(scope="module")
def pair(official: ModuleType) -> Pair:
    """(ours, theirs), filled with the same random weights; narrow, and with segments of a tenth of a second."""
    torch.manual_seed(0)
    theirs = official.EncodecModel.encodec_model_48khz(pretrained=False)
    sizes = {"channels": 2, "n_filters": SHORT.seanet.filters, "norm": "time_group_norm", "causal": False}
    theirs.encoder, theirs.decoder = official.m.SEANetEncoder(**sizes), official.m.SEANetDecoder(**sizes)
    theirs.segment = 0.1
    return ours_of(awake(theirs), SHORT), theirs


@torch.no_grad()
def same(pair: Pair, wav: Tensor, kbps: float, levels: int) -> None:
    ours, theirs = pair
    theirs.set_target_bandwidth(kbps)
    expected = theirs.encode(wav)
    segments = ours.encode(wav, levels)
    assert len(segments) == len(expected)
    for index, (segment, (codes, scale)) in enumerate(zip(segments, expected, strict=True)):
        start = index * ours.segment_stride
        latents = theirs.encoder(wav[..., start : start + ours.segment_length] / scale[:, None])
        assert count_near_ties(ours.quantizer, latents, segment.codes, codes) == 0
        torch.testing.assert_close(segment.scale, scale[:, 0])
    reference = theirs.decode(expected)
    heard = ours.decode(segments)
    assert heard.shape == reference.shape
    assert reference.std() > 0.05
    assert (heard - reference).abs().max() <= 1e-5 * reference.abs().max()
    assert torch.equal(ours.decode(segments, wav.shape[-1]), heard[..., : wav.shape[-1]])


@pytest.mark.parametrize("length", [1, 319, 320, 321, 4751, 4752, 4753, 4752 + 100, 4800, 4801, 3 * 4752 + 7])
def test_same_segments_and_waveform_at_every_length(pair: Pair, length: int) -> None:
    """At 4752 + 100 the first segment is cut short by the end, and the second of one frame."""
    same(pair, stereo(0.4)[..., :length], 6.0, 4)


@pytest.mark.parametrize(("kbps", "levels"), [(3.0, 2), (6.0, 4), (12.0, 8), (24.0, 16)])
def test_same_codes_and_waveform_at_every_bitrate(pair: Pair, kbps: float, levels: int) -> None:
    same(pair, stereo(0.25), kbps, levels)


@torch.no_grad()
def test_a_segment_goes_through_forward_as_theirs_does(pair: Pair) -> None:
    ours, theirs = pair
    wav = stereo(0.099)
    theirs.set_target_bandwidth(24.0)
    result, reference = ours(wav), theirs(wav)
    assert torch.equal(result.quantized.codes, ours.encode(wav)[0].codes)
    assert (result.wav - reference).abs().max() <= 1e-5 * reference.abs().max()


def test_the_published_size(official: ModuleType) -> None:
    """Segments of a second, all levels, and all the weights."""
    torch.manual_seed(0)
    theirs = awake(official.EncodecModel.encodec_model_48khz(pretrained=False))
    ours = ours_of(theirs, RELEASE.config)
    assert (ours.segment_length, ours.segment_stride) == (theirs.segment_length, theirs.segment_stride)
    same((ours, theirs), stereo(0.2, batch=1), 24.0, 16)
    assert sum(value.numel() for value in ours.parameters()) == sum(value.numel() for value in theirs.parameters())
