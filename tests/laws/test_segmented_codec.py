"""Laws of codecs of segments: lengths, batches and depths as ever; scales are loudness, fades join what overlaps."""

import pytest
import torch
from torch import Tensor, nn

from kvant.codecs import encodec_stereo
from kvant.codecs.fade import Fade
from kvant.codecs.segmented import Segment, SegmentedCodec
from kvant.errors import UsageError
from kvant.layers.seanet import SEANetConfig
from kvant.protocols import Quantized
from kvant.quantizers import ResidualQuantizer
from kvant.streaming import LookAheadChain
from tests.near_ties import count_near_ties
from tests.speech import speech
from tests.wide_awake import scatter, wake

CONFIG = encodec_stereo.Config(
    latent_dim=6,
    num_codebooks=4,
    codebook_size=32,
    lstm_layers=1,
    seanet=SEANetConfig(filters=4, strides=(2, 5), channels=2),
    segment_length=200,
    segment_stride=180,
)
HOP = 10


def stereo(length: int, batch: int = 2) -> Tensor:
    one, other = (speech(0.1, batch, seed)[..., 400 : 400 + length] for seed in (5, 6))
    return torch.cat([one, other], dim=1)


@pytest.fixture(scope="module")
def codec() -> SegmentedCodec:
    torch.manual_seed(0)
    codec = encodec_stereo.build(CONFIG)
    wake(codec)
    assert isinstance(codec.quantizer, ResidualQuantizer)
    remedies, codec.quantizer.remedies = codec.quantizer.remedies, (scatter,)
    codec.train()(stereo(200, batch=8))
    codec.quantizer.remedies = remedies
    return codec.eval()


class Rounded(nn.Module):
    """Stands in for a quantizer: each latent, from -8 to 8, is a code of its own."""

    codebook_sizes: tuple[int, ...] = (1 << 20,) * 2

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        codes = self.encode(latents)
        return Quantized(self.decode(codes), codes, {})

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        return (latents * 2**16).round().long() + 2**19

    def decode(self, codes: Tensor) -> Tensor:
        return (codes - 2**19) / 2**16


def test_segments_that_overlap_join_to_what_was_cut() -> None:
    """Of a codec that changes nothing: every sample, under one segment or two, has weights of sum 1."""
    codec = SegmentedCodec(LookAheadChain(), Rounded(), LookAheadChain(), 24000, 10, 200, 180, 2)
    for length in (3, 180, 185, 200, 201, 560, 907):
        wav = stereo(length)
        segments = codec.encode(wav)
        assert len(segments) == -(-length // 180)
        torch.testing.assert_close(codec.decode(segments, length), wav, rtol=0, atol=1e-4)


def whole_fade(wavs: list[Tensor], stride: int) -> Tensor:
    """What `Fade` does piece by piece, of arrays as long as the signal."""
    length = wavs[0].shape[-1]
    triangle = torch.minimum(torch.arange(1, length + 1), length - torch.arange(length)) / (length + 1)
    total = max(stride * index + wav.shape[-1] for index, wav in enumerate(wavs))
    joined, weights = torch.zeros(*wavs[0].shape[:-1], total), torch.zeros(total)
    for index, wav in enumerate(wavs):
        joined[..., stride * index : stride * index + wav.shape[-1]] += triangle[: wav.shape[-1]] * wav
        weights[stride * index : stride * index + wav.shape[-1]] += triangle[: wav.shape[-1]]
    return joined / weights.clamp_min(1e-9)


@pytest.mark.parametrize(
    "lengths", [[200] * 4, [200, 200, 190, 10], [200, 200, 10], [7], [190, 10], [200, 190, 200], [200, 3, 200, 170]]
)
@pytest.mark.parametrize("stride", [100, 170, 185, 200])
def test_a_fade_piece_by_piece_is_that_of_the_whole(lengths: list[int], stride: int) -> None:
    """Also where the last segment but one reaches further than the last, or one is shorter than a stride."""
    torch.manual_seed(0)
    lengths = [min(length, lengths[0]) for length in lengths]
    wavs = [torch.randn(2, 2, length) for length in lengths]
    fade = Fade(stride, wavs[0][..., :0])
    for _ in range(2):
        parts = [fade.push(wav) for wav in wavs]
        rest = fade.flush()
        torch.testing.assert_close(torch.cat([*parts, rest], dim=-1), whole_fade(wavs, stride), rtol=1e-6, atol=1e-6)


def test_a_segment_that_was_lost_is_silent_but_for_the_others() -> None:
    ones = torch.ones(1, 1, 200)
    fade = Fade(180, ones[..., :0])
    parts = [fade.push(wav) for wav in (ones[..., :0], ones, ones[..., :0], ones[..., :0], ones)]
    heard = torch.cat([*parts, fade.flush()], dim=-1)[0, 0]
    expected = torch.zeros(4 * 180 + 200)
    expected[180:380] = expected[720:] = 1
    torch.testing.assert_close(heard, expected)


def test_over_the_overlap_one_segment_fades_into_the_next_linearly() -> None:
    codec = SegmentedCodec(LookAheadChain(), Rounded(), LookAheadChain(), 24000, 10, 200, 180, 2)
    ones, zeros = (torch.full((1, 1, 200), value) for value in (1.0, 0.0))
    joined = codec.faded([ones, zeros, ones])[0, 0]
    assert (joined[:180] == 1).all()
    torch.testing.assert_close(joined[180:200], 1 - torch.arange(1, 21) / 21)
    assert (joined[200:360] == 0).all()
    torch.testing.assert_close(joined[360:380], torch.arange(1, 21) / 21)


def test_loudness_is_in_the_scale_alone(codec: SegmentedCodec) -> None:
    wav = stereo(380)
    for loud, quiet in zip(codec.encode(wav), codec.encode(wav / 8), strict=True):
        assert torch.equal(loud.codes, quiet.codes)
        torch.testing.assert_close(loud.scale, 8 * quiet.scale, rtol=1e-5, atol=1e-7)
    mono = wav[..., :200].mean(1)
    torch.testing.assert_close(codec.encode(wav)[0].scale, mono.square().mean(-1).sqrt(), rtol=1e-5, atol=1e-7)
    assert torch.isfinite(codec.decode(codec.encode(0 * wav))).all()


@pytest.mark.parametrize("length", [0, 1, HOP - 1, HOP, HOP + 1, 180, 181, 200, 201, 10 * 180 + 3])
def test_output_is_as_long_as_input(codec: SegmentedCodec, length: int) -> None:
    wav = stereo(length)
    segments = codec.encode(wav)
    assert len(segments) == -(-length // 180)
    if not length:
        with pytest.raises(UsageError, match="nothing to decode"):
            codec.decode(segments)
        return
    assert [segment.codes.shape[-1] for segment in segments] == [
        -(-min(200, length - start) // HOP) for start in range(0, length, 180)
    ]
    heard = codec.decode(segments, length)
    assert heard.shape == wav.shape
    assert length <= codec.decode(segments).shape[-1] < length + HOP
    assert heard.std() > 1e-3


def test_a_batch_is_each_alone_and_every_depth_a_prefix(codec: SegmentedCodec) -> None:
    wav = stereo(400, batch=3)
    segments, shallow = codec.encode(wav), codec.encode(wav, 2)
    heard = codec.decode(segments)
    for item in range(3):
        own = slice(item, item + 1)
        for segment, alone in zip(segments, codec.encode(wav[own]), strict=True):
            latents = codec.quantizer.decode(alone.codes)
            assert count_near_ties(codec.quantizer, latents, segment.codes[own], alone.codes) == 0
        of_item = [Segment(segment.codes[own], segment.scale[own]) for segment in segments]
        torch.testing.assert_close(codec.decode(of_item), heard[own], rtol=0, atol=1e-5)
    assert all(torch.equal(a.codes[:, :2], b.codes) for a, b in zip(segments, shallow, strict=True))


def test_a_stride_that_ends_within_a_hop(codec: SegmentedCodec) -> None:
    """Then the last segment may have fewer frames beyond the last but one than the signal has samples."""
    codec.segment_stride = 185
    for length in (186, 195, 196, 371, 376, 381):
        wav = stereo(length)
        segments = codec.encode(wav)
        heard = codec.decode(segments, length)
        assert heard.shape == wav.shape
        torch.testing.assert_close(heard[..., :185], codec.decode(segments[:1])[..., :185])
    codec.segment_stride = 180


def test_forward_is_decode_of_encode_and_every_parameter_learns(codec: SegmentedCodec) -> None:
    wav = stereo(197)
    with torch.no_grad():
        result = codec(wav)
    segments = codec.encode(wav)
    assert torch.equal(result.quantized.codes, segments[0].codes)
    torch.testing.assert_close(result.wav, codec.decode(segments[:1], 197)[..., :197], rtol=1e-4, atol=1e-5)
    codec.train().zero_grad()
    result = codec(wav)
    ((result.wav - wav).square().sum() + sum(result.quantized.losses.values())).backward()
    codec.eval()
    idle = [name for name, p in codec.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle
    codec.zero_grad()
    with pytest.raises(UsageError, match="at most a segment, 200"):
        codec(stereo(201))


def test_segments_that_leave_gaps_are_refused() -> None:
    for length, stride in ((200, 201), (205, 180), (200, 0)):
        with pytest.raises(UsageError, match="must not leave gaps"):
            SegmentedCodec(LookAheadChain(), Rounded(), LookAheadChain(), 24000, 10, length, stride, 2)
