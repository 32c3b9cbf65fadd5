"""Laws of what looks ahead: receptive fields are as declared, chunks are the whole, steps are refused by name."""

from copy import deepcopy
from math import ceil, isinf
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from kvant.checkpoint import load_codec, save_codec
from kvant.codec import Codec
from kvant.codecs import CODECS, frame
from kvant.errors import UsageError
from kvant.layers.local_attention import LocalAttention
from kvant.layers.recurrent import Recurrent
from kvant.streaming import Causal, LookAhead, chunked
from tests.laws import implementers
from tests.laws.implementers import CONTEXT, FEATURES
from tests.laws.look_ahead import CODECS_LOOKING_AHEAD, LOOK_AHEAD, PERIODS, WITHOUT_END, look_ahead_classes
from tests.near_ties import count_near_ties
from tests.speech import speech

CHUNKS = (1, 2, 3, 7, 1000)


@pytest.fixture(scope="module", params=list(LOOK_AHEAD), ids=lambda kind: kind.__name__)
def part(request: pytest.FixtureRequest) -> LookAhead:
    torch.manual_seed(0)
    return LOOK_AHEAD[request.param]().eval()


@pytest.fixture(scope="module", params=list(CODECS_LOOKING_AHEAD))
def codec(request: pytest.FixtureRequest) -> Codec:
    torch.manual_seed(0)
    return CODECS[request.param][1](CODECS_LOOKING_AHEAD[request.param]).eval()


@pytest.fixture(scope="module")
def wav() -> Tensor:
    return speech(0.06, batch=2, seed=5)


def input_of(part: LookAhead, stretches: int) -> Tensor:
    """Random input of the channels it takes."""
    first = next(
        module for module in part.modules() if isinstance(module, nn.Conv1d | nn.ConvTranspose1d | nn.LSTM | nn.Linear)
    )
    of_kind = {nn.LSTM: "input_size", nn.Linear: "in_features"}
    channels = getattr(first, of_kind.get(type(first), "in_channels"))
    return torch.randn(2, channels, stretches * part.receptive_field.stride.numerator)


def at_once(part: Causal | LookAhead) -> bool:
    """Whether nothing of it can be computed in pieces; what surrounds a recurrence can, even of one that hears all."""
    return isinstance(part, LookAhead) and isinf(part.receptive_field.right) and not isinstance(part, Recurrent)


def same_codes(codec: Codec, wav: Tensor, codes: Tensor, others: Tensor) -> None:
    with torch.no_grad():
        latents = codec.encoder(codec.pad(wav))
    assert count_near_ties(codec.quantizer, latents, codes, others) <= codes[:, 0].numel() / 100


class TestParts:
    def test_all_are_listed(self) -> None:
        assert not implementers.missing(look_ahead_classes(), LOOK_AHEAD | WITHOUT_END)

    def test_an_output_depends_on_its_field_and_on_both_ends_of_it(self, part: LookAhead) -> None:
        """By gradient, at every place modulo the stride: never beyond, and somewhere as far as declared."""
        left, right, stride = part.receptive_field
        x = input_of(part, ceil((left + right) / stride.numerator) + 10).double().requires_grad_()
        y = deepcopy(part).double()(x)
        middle = y.shape[-1] // 2
        margins = []
        for index in range(middle, middle + stride.denominator * PERIODS.get(type(part), 1)):
            (gradient,) = torch.autograd.grad(y[0, 0, index], x, retain_graph=True)
            touched = gradient[0].abs().sum(0).nonzero()[:, 0]
            margins.append((int(touched[0]) - index * stride + left, index * stride + right - int(touched[-1])))
        assert min(first for first, _ in margins) == 0
        assert min(last for _, last in margins) == 0

    @pytest.mark.parametrize("chunk", CHUNKS)
    def test_chunks_are_the_whole(self, part: LookAhead, chunk: int) -> None:
        x = input_of(part, 40)
        with torch.no_grad():
            whole = part(x)
            torch.testing.assert_close(chunked(part, x, chunk), whole, rtol=0, atol=1e-5 * float(whole.abs().max()))

    def test_the_overlap_is_enough_and_one_stretch_less_is_not(
        self, part: LookAhead, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In double precision, where what is beyond the field shows."""
        field, x, part = part.receptive_field, input_of(part, 40).double(), deepcopy(part).double()
        with torch.no_grad():
            whole = part(x)
            assert torch.allclose(chunked(part, x, 3), whole, rtol=0, atol=1e-13)
            for short in (
                field._replace(left=field.left - field.stride.numerator),
                field._replace(right=field.right - field.stride.numerator),
            ):
                monkeypatch.setattr(type(part), "receptive_field", short)
                assert not torch.allclose(chunked(part, x, 3), whole, rtol=0, atol=1e-13)

    def test_steps_are_refused_by_name(self, part: LookAhead) -> None:
        with pytest.raises(UsageError, match=f"{type(part).__name__} looks ahead"):
            part.initial_state(1)
        with pytest.raises(UsageError, match="does not stream"):
            part.step(input_of(part, 3), ())

    def test_chunks_that_cannot_be_are_refused(self, part: LookAhead) -> None:
        for chunk, x in ((0, input_of(part, 3)), (1, input_of(part, 0))):
            with pytest.raises(UsageError, match="chunk"):
                chunked(part, x, chunk)

    def test_a_part_that_declares_nothing_says_so(self) -> None:
        class Silent(LookAhead):
            pass

        with pytest.raises(TypeError, match="Silent must declare its receptive_field"):
            _ = Silent().receptive_field


class TestPartsWithoutEnd:
    """What hears everything to one side, or to both, hears no more of the other than declared."""

    @pytest.fixture(params=list(WITHOUT_END), ids=lambda kind: kind.__name__)
    def part(self, request: pytest.FixtureRequest) -> LookAhead:
        torch.manual_seed(0)
        return WITHOUT_END[request.param]().eval()

    def test_an_output_depends_on_the_first_input_and_on_as_many_to_the_right_as_declared(
        self, part: LookAhead
    ) -> None:
        _, right, stride = part.receptive_field
        x = input_of(part, ceil((0 if isinf(right) else right) / stride.numerator) + 4).double().requires_grad_()
        y = deepcopy(part).double()(x)
        margins = []
        for index in range(stride.denominator):
            (gradient,) = torch.autograd.grad(y[0, :, index + stride.denominator].sum(), x, retain_graph=True)
            touched = gradient[0].abs().sum(0).nonzero()[:, 0]
            assert touched[0] == 0
            end = x.shape[-1] - 1 if isinf(right) else (index + stride.denominator) * stride + right
            margins.append(end - int(touched[-1]))
        assert min(margins) == 0

    @pytest.mark.parametrize("chunk", CHUNKS)
    def test_chunks_are_the_whole_or_refused(self, part: LookAhead, chunk: int) -> None:
        """What hears the end at once, and is nothing but that, cannot go through chunks."""
        x = input_of(part, 40)
        if at_once(part):
            with pytest.raises(UsageError, match=f"{type(part).__name__} hears the whole signal"):
                part.in_chunks(x, chunk)
            return
        with torch.no_grad():
            whole = part(x)
            assert whole.std() > 1e-3
            torch.testing.assert_close(part.in_chunks(x, chunk), whole, rtol=0, atol=1e-5 * float(whole.abs().max()))

    def test_what_cannot_be_is_refused_by_name(self, part: LookAhead) -> None:
        with pytest.raises(UsageError, match=f"{type(part).__name__} looks ahead"):
            part.initial_state(1)
        with pytest.raises(UsageError, match=r"chunk"):
            part.in_chunks(input_of(part, 3), 0)
        with pytest.raises(UsageError, match=r"hears the whole signal at once: leave out chunk"):
            chunked(part, input_of(part, 3), 1)


class TestCodecs:
    def test_chunks_are_the_whole(self, codec: Codec, wav: Tensor) -> None:
        """Or refused, by a side that hears the whole signal at once."""
        codes = codec.encode(wav)
        whole = codec.decode(codes, wav.shape[-1])
        for chunk in (2, 7, 1000):
            if at_once(codec.encoder):
                with pytest.raises(UsageError, match="hears the whole signal at once"):
                    codec.encode(wav, chunk=chunk)
            else:
                same_codes(codec, wav, codec.encode(wav, chunk=chunk), codes)
            if at_once(codec.decoder):
                with pytest.raises(UsageError, match="hears the whole signal at once"):
                    codec.decode(codes, wav.shape[-1], chunk)
            else:
                heard = codec.decode(codes, wav.shape[-1], chunk)
                torch.testing.assert_close(heard, whole, rtol=0, atol=1e-5 * float(whole.abs().max()))

    def test_a_batch_is_each_alone(self, codec: Codec, wav: Tensor) -> None:
        """Of one length: what looks ahead sees how long the silence behind a shorter item is."""
        codes = codec.encode(wav)
        heard = codec.decode(codes, wav.shape[-1])
        for item in range(len(wav)):
            own = slice(item, item + 1)
            same_codes(codec, wav[own], codec.encode(wav[own]), codes[own])
            torch.testing.assert_close(codec.decode(codes[own], wav.shape[-1]), heard[own], rtol=0, atol=1e-5)

    @pytest.mark.parametrize("hops", [0, 1, 10])
    @pytest.mark.parametrize("samples", [-1, 0, 1, 3])
    def test_output_is_as_long_as_input(self, codec: Codec, hops: int, samples: int) -> None:
        num_samples = max(hops * codec.hop_length + samples, 0)
        wav = speech(1.0, seed=2)[..., :num_samples]
        codes = codec.encode(wav)
        assert codes.shape == (1, codec.num_codebooks, ceil(num_samples / codec.hop_length))
        assert codec.decode(codes, num_samples).shape == wav.shape
        assert codec.decode(codes).shape[-1] == codes.shape[-1] * codec.hop_length

    def test_every_depth_is_a_prefix_and_forward_is_decode_of_encode(self, codec: Codec, wav: Tensor) -> None:
        codes = codec.encode(wav)
        for k in range(1, codec.num_codebooks + 1):
            assert torch.equal(codec.encode(wav, k), codes[:, :k])
            with torch.no_grad():
                result = codec(wav, k)
            assert torch.equal(result.quantized.codes, codes[:, :k])
            torch.testing.assert_close(codec.decode(codes[:, :k], wav.shape[-1]), result.wav, rtol=0, atol=1e-5)

    def test_latency_is_as_far_as_it_looks(self, codec: Codec) -> None:
        """By gradient, for every place in a frame: no output depends on later input than declared, and one on that."""
        encoder, decoder = deepcopy(codec.encoder).double(), deepcopy(codec.decoder).double()
        hop, endless = codec.hop_length, isinf(codec.latency)
        frames = 12 if endless else 2 * ceil(codec.latency / hop) + 6
        wav = torch.randn(1, 1, frames * hop, dtype=torch.float64, requires_grad=True)
        latents = encoder(wav).unflatten(-1, (frames, -1))
        heard = decoder(latents.mean(-1, keepdim=True).expand_as(latents).flatten(-2))
        if endless:
            (gradient,) = torch.autograd.grad(heard[0, 0, 0], wav)
            assert gradient[0, 0, -hop:].any(), "the first sample hears the last hop"
            return
        ahead = []
        for place in range(frames // 2 * hop, (frames // 2 + 1) * hop):
            (gradient,) = torch.autograd.grad(heard[0, 0, place], wav, retain_graph=True)
            ahead.append(int(gradient[0, 0].nonzero()[-1]) - place)
        windows = any(isinstance(module, LocalAttention) for module in codec.modules())
        assert max(ahead) <= codec.latency - 1
        assert max(ahead) == codec.latency - 1 or windows, "windows share their ends, which latency adds up"

    def test_steps_are_refused_by_name(self, codec: Codec, wav: Tensor) -> None:
        """Of whichever side looks ahead, or of both."""
        calls = {
            codec.encoder: (lambda: codec.encode_step(wav, ()), lambda: codec.encoder.initial_state(1)),
            codec.decoder: (lambda: codec.decode_step(codec.encode(wav), ()), lambda: codec.decoder.initial_state(1)),
        }
        refused = [call for part, those in calls.items() if not isinstance(part, Causal) for call in those]
        assert refused
        for call in refused:
            with pytest.raises(UsageError, match="does not stream"):
                call()
        with pytest.raises(UsageError, match="chunk 0"):
            codec.encode(wav, chunk=0)

    def test_every_parameter_learns(self, codec: Codec, wav: Tensor) -> None:
        codec.train().zero_grad()
        result = codec(wav)
        loss = (result.wav - wav).square().sum() + sum(result.quantized.losses.values())
        loss.backward()
        codec.eval()
        assert not [name for name, p in codec.named_parameters() if p.grad is None or not p.grad.any()]
        codec.zero_grad()

    @pytest.mark.parametrize("name", CODECS_LOOKING_AHEAD)
    def test_a_model_file_gives_it_back(self, name: str, wav: Tensor, tmp_path: Path) -> None:
        """Saving rounds weights: what was loaded, saved and loaded again is the same codec."""
        path, config = tmp_path / "model.safetensors", CODECS_LOOKING_AHEAD[name]
        codec = CODECS[name][1](config).eval()
        save_codec(path, codec, name, config, {"name": "small"})
        once = load_codec(path)
        save_codec(path, once, name, config, {"name": "small"})
        again = load_codec(path)
        assert torch.equal(once.encode(wav), again.encode(wav))
        assert torch.equal(once.decode(once.encode(wav)), again.decode(once.encode(wav)))
        for tensor, loaded in zip(codec.parameters(), once.parameters(), strict=True):
            torch.testing.assert_close(loaded, tensor, rtol=1e-3, atol=1e-6)


def test_causal_codecs_go_through_chunks_too(wav: Tensor) -> None:
    """Their chunks carry the state."""
    torch.manual_seed(0)
    config = frame.Config(16000, 6, 2, 8, features=FEATURES, encoder=CONTEXT, decoder=CONTEXT)
    codec = frame.build(config).eval()
    codes = codec.encode(wav)
    for chunk in (1, 7, 1000):
        same_codes(codec, wav, codec.encode(wav, chunk=chunk), codes)
        torch.testing.assert_close(codec.decode(codes, chunk=chunk), codec.decode(codes), rtol=0, atol=1e-5)
    assert codec.latency == codec.hop_length + codec.pre_skip
