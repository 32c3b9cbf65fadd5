"""Laws of codecs: whole, chunked, batched, threaded and streamed agree; lengths and latency are as declared."""

from math import ceil

import pytest
import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.codecs import CODECS
from kvant.quantizers import ProjectedQuantizer, ResidualQuantizer, SplitQuantizer
from kvant.streaming import flatten_state
from tests.laws.look_ahead import CODECS_LOOKING_AHEAD
from tests.laws.small_codecs import SMALL
from tests.near_ties import count_near_ties
from tests.plain_beam import count_beam_ties
from tests.speech import speech
from tests.wide_awake import wake_codec


@pytest.fixture(scope="module", params=[name for name in CODECS if name not in CODECS_LOOKING_AHEAD])
def codec(request: pytest.FixtureRequest) -> Codec:
    """A codec of the default config, or a small one, with nothing at zero, codebooks where its latents are."""
    config, build = CODECS[request.param]
    torch.manual_seed(0)
    return wake_codec(SMALL[request.param]() if request.param in SMALL else build(config()))


@pytest.fixture(scope="module")
def wav() -> Tensor:
    return speech(1.3, batch=3, seed=5)


@pytest.fixture(scope="module")
def codes(codec: Codec, wav: Tensor) -> Tensor:
    return codec.encode(wav)


@pytest.fixture(scope="module")
def heard(codec: Codec, codes: Tensor, wav: Tensor) -> Tensor:
    return codec.decode(codes, wav.shape[-1])


def assert_same_codes(codec: Codec, wav: Tensor, codes: Tensor, others: Tensor) -> None:
    """Equal but for near ties, and those rare."""
    if torch.equal(codes, others):
        return
    with torch.no_grad():
        latents = codec.encoder(codec.pad(wav))[..., : codes.shape[-1]]
    assert count_near_ties(codec.quantizer, latents, codes, others) <= codes[:, 0].numel() / 100


def assert_close(wav: Tensor, other: Tensor) -> None:
    assert wav.shape == other.shape
    assert (wav - other).abs().max() <= 1e-5 * other.abs().max()


def sizes_of(num_frames: int, cycle: list[int]) -> list[int]:
    """Chunk sizes in frames that follow `cycle` and sum to num_frames."""
    sizes: list[int] = []
    while (left := num_frames - sum(sizes)) > 0:
        sizes.append(min(cycle[len(sizes) % len(cycle)], left))
    return sizes


@pytest.mark.parametrize("cycle", [[1], [2], [3], [7], [5, 1, 11, 2]], ids=str)
class TestChunks:
    def test_codes_of_any_chunking_are_those_of_the_whole(
        self, codec: Codec, wav: Tensor, codes: Tensor, cycle: list[int]
    ) -> None:
        state, chunks, hop = codec.encoder.initial_state(len(wav)), [], codec.hop_length
        with torch.no_grad():
            for block in codec.pad(wav).split([size * hop for size in sizes_of(codes.shape[-1], cycle)], dim=-1):
                chunk, state = codec.encode_step(block, state)
                chunks.append(chunk)
        assert_same_codes(codec, wav, torch.cat(chunks, dim=-1), codes)

    def test_wav_of_any_chunking_is_that_of_the_whole(
        self, codec: Codec, codes: Tensor, heard: Tensor, cycle: list[int]
    ) -> None:
        state, chunks = codec.decoder.initial_state(len(codes)), []
        for block in codes.split(sizes_of(codes.shape[-1], cycle), dim=-1):
            samples, state = codec.decode_step(block, state)
            chunks.append(samples)
        assert_close(codec.trim(torch.cat(chunks, dim=-1), heard.shape[-1]), heard)


def test_a_batch_of_lengths_is_each_alone(codec: Codec, wav: Tensor) -> None:
    hop = codec.hop_length
    lengths = [wav.shape[-1], 17 * hop + 5, hop - 1]
    batch = wav.clone()
    for item, length in enumerate(lengths):
        batch[item, :, length:] = 0
    codes = codec.encode(batch)
    heard = codec.decode(codes)
    for item, length in enumerate(lengths):
        alone = wav[item : item + 1, :, :length]
        own = codes[item : item + 1, :, : codec.num_frames(length)]
        assert_same_codes(codec, alone, own, codec.encode(alone))
        assert_close(heard[item : item + 1, :, :length], codec.decode(own, length))


def test_streams_of_different_ages_share_a_batch(codec: Codec, wav: Tensor) -> None:
    """A server joins streams that began at other times: their states stack."""
    hop = codec.hop_length
    codes = codec.encode(wav)
    states = [codec.decoder.initial_state(1) for _ in range(2)]
    _, states[0] = codec.decode_step(codes[:1, :, :9], states[0])
    _, states[1] = codec.decode_step(codes[1:2, :, :4], states[1])

    def join(a: object, b: object) -> object:
        return torch.cat([a, b]) if isinstance(a, Tensor) else tuple(join(x, y) for x, y in zip(a, b))

    together, _ = codec.decode_step(torch.cat([codes[:1, :, 9:20], codes[1:2, :, 4:15]]), join(*states))
    for item, start in enumerate((9, 4)):
        alone = codec.decoder(codec.quantizer.decode(codes[item : item + 1])).detach()
        assert_close(together[item : item + 1], alone[..., start * hop : (start + 11) * hop])


def test_codes_do_not_depend_on_the_number_of_threads(codec: Codec, wav: Tensor) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        single = codec.encode(wav)
        torch.set_num_threads(2)
        double = codec.encode(wav)
    finally:
        torch.set_num_threads(before)
    assert_same_codes(codec, wav, single, double)


@pytest.mark.parametrize(
    ("hops", "seconds", "samples"),
    [(0, 0, 0), (0, 0, 1), (1, 0, -1), (1, 0, 0), (1, 0, 1), (10, 0, 3), (0, 10, 7)],
    ids=["0", "1", "hop - 1", "hop", "hop + 1", "10 hop + 3", "10 s + 7"],
)
def test_output_is_as_long_as_input(codec: Codec, hops: int, seconds: int, samples: int) -> None:
    num_samples = hops * codec.hop_length + seconds * codec.sample_rate + samples
    wav = speech(num_samples / 24000 + 0.1)[..., :num_samples]
    codes = codec.encode(wav)
    assert codes.shape == (1, codec.num_codebooks, codec.num_frames(num_samples))
    decoded = codec.decode(codes, num_samples)
    assert decoded.shape == wav.shape
    assert torch.isfinite(decoded).all()
    # Without being told N, decoding gives all that the frames hold: N and at most what rounded it up to whole hops.
    held = codec.decode(codes).shape[-1]
    assert num_samples <= held < num_samples + codec.hop_length


def test_forward_is_decode_of_encode(codec: Codec, wav: Tensor, codes: Tensor, heard: Tensor) -> None:
    with torch.no_grad():
        result = codec(wav)
    assert torch.equal(result.quantized.codes, codes)
    assert_close(result.wav, heard)


def test_every_depth_is_a_prefix(codec: Codec, wav: Tensor) -> None:
    wav = wav[:2, :, : 30 * codec.hop_length]
    codes = codec.encode(wav)
    for k in range(1, codec.num_codebooks + 1):
        assert torch.equal(codec.encode(wav, k), codes[:, :k])
        with torch.no_grad():
            assert_close(codec.decode(codes[:, :k], wav.shape[-1]), codec(wav, k).wav)


def test_a_beam_is_the_same_by_every_road_and_closer(codec: Codec, wav: Tensor) -> None:
    """Whole, in chunks, and each item alone; and its latents are nearer than greedy ones, at the depth asked for."""
    beam, depth, hop = 3, 4, codec.hop_length
    with torch.no_grad():
        quantizer, latents, first = searched(codec, codec.encoder(codec.pad(wav)))
    books = [book.vectors.detach().numpy() for book in quantizer.codebooks]
    whole = codec.encode(wav, depth, beam)
    state, chunks = codec.encoder.initial_state(len(wav)), []
    for block in codec.pad(wav).split([size * hop for size in sizes_of(whole.shape[-1], [5, 1, 11, 2])], dim=-1):
        codes, state = codec.encode_step(block, state, depth, beam)
        chunks.append(codes)
    alone = [codec.encode(item, depth, beam) for item in wav.split(1)]
    for other in (torch.cat(chunks, dim=-1), torch.cat(alone)):
        for rows, mine, yours in zip(latents.transpose(1, 2).numpy(), whole.numpy(), other.numpy()):
            count_beam_ties(rows, books, mine[first:], yours[first:], beam)
    greedy = codec.encode(wav, depth)
    assert torch.equal(whole[:, :first], greedy[:, :first])
    errors = [(latents - quantizer.decode(codes[:, first:])).square().mean() for codes in (whole, greedy)]
    assert errors[0] < 0.99 * errors[1]


def searched(codec: Codec, latents: Tensor) -> tuple[ResidualQuantizer, Tensor, int]:
    """The residual quantizer that a beam goes through, what it is given of latents, and the place of its first code."""
    part, first = codec.quantizer, 0
    if isinstance(part, SplitQuantizer):
        part, first = part.acoustic, len(part.semantic.codebook_sizes)
        assert isinstance(part, ProjectedQuantizer)
        part, latents = part.quantizer, part.into(latents)
    assert isinstance(part, ResidualQuantizer)
    return part, latents, first


def test_wav_is_clipped(codec: Codec, wav: Tensor) -> None:
    loud = 6 * wav
    assert (loud.abs() > 1).any()
    assert torch.equal(codec.encode(loud), codec.encode(loud.clamp(-1, 1)))
    hop, state = codec.hop_length, codec.encoder.initial_state(3)
    stepped, _ = codec.encode_step(loud[..., : 4 * hop], state)
    clipped, _ = codec.encode_step(loud.clamp(-1, 1)[..., : 4 * hop], state)
    assert torch.equal(stepped, clipped)


class TestLatency:
    """Declared: hop_length + pre_skip samples. Proved by disturbing the future, and tight."""

    def reach(self, codec: Codec, wav: Tensor, index: int) -> int:
        """How far before `index` the output begins to change when all input from `index` on does."""
        other = wav.clone()
        other[..., index:] = speech(1.0, seed=99)[..., index : wav.shape[-1]].sign()
        outputs = [codec.decode(codec.encode(x), x.shape[-1]) for x in (wav, other)]
        return index - int((outputs[0] != outputs[1]).flatten().nonzero()[0])

    def test_output_depends_on_no_input_further_ahead_than_declared(self, codec: Codec) -> None:
        """Sample n is decided by input up to n + latency - 1, and for some n by that very sample."""
        hop, latency = codec.hop_length, codec.latency
        reached = []
        for seed in range(6):
            quiet = 1e-2 * speech(20 * hop / codec.sample_rate, seed=seed)
            reached += [self.reach(codec, quiet, 9 * hop + k) for k in (0, 1, hop // 2, hop - 2, hop - 1)]
        assert max(reached) == latency - 1, f"declared {latency}, first changes {reached} samples back"

    def test_streamed_samples_come_when_declared_and_not_before(self, codec: Codec) -> None:
        """Before sample n comes out, at most n + latency samples must have gone in, and for some n just as many."""
        hop, num_samples = codec.hop_length, 12 * codec.hop_length
        wav = speech(num_samples / codec.sample_rate, seed=4)
        encoder, decoder = codec.encoder.initial_state(1), codec.decoder.initial_state(1)
        arrival: list[int] = []
        heard = []
        for count, block in enumerate(codec.pad(wav).split(hop, dim=-1), start=1):
            codes, encoder = codec.encode_step(block, encoder)
            samples, decoder = codec.decode_step(codes, decoder)
            heard.append(samples)
            arrival += [count * hop] * (count * hop - codec.pre_skip - len(arrival))
        wait = [arrived - n for n, arrived in enumerate(arrival)]
        assert max(wait) == codec.latency
        assert len(arrival) >= num_samples
        assert_close(codec.trim(torch.cat(heard, dim=-1), num_samples), codec.decode(codec.encode(wav), num_samples))

    def test_frames_per_second_and_frames_of_a_signal(self, codec: Codec) -> None:
        assert codec.frame_rate == codec.sample_rate / codec.hop_length
        for n in (1, codec.hop_length, 12345):
            assert codec.num_frames(n) == ceil((n + codec.pre_skip) / codec.hop_length)


def test_initial_states_are_zeros(codec: Codec) -> None:
    for part in (codec.encoder, codec.decoder):
        assert not any(tensor.any() for tensor in flatten_state(part.initial_state(2)))


def test_every_parameter_learns_and_every_sample_counts(codec: Codec, wav: Tensor) -> None:
    """The error of the waveform reaches the input and all weights of both networks; nothing is cut or idle."""
    wav = wav[..., : 10 * codec.hop_length].clone().requires_grad_()
    codec.zero_grad()
    (codec(wav).wav - wav.detach()).square().sum().backward()
    idle = [
        name
        for part, module in (("encoder", codec.encoder), ("decoder", codec.decoder))
        for name, parameter in ((f"{part}.{n}", p) for n, p in module.named_parameters())
        if parameter.grad is None or not parameter.grad.any() or not torch.isfinite(parameter.grad).all()
    ]
    assert not idle
    assert (wav.grad != 0).float().mean() > 0.99
    codec.zero_grad()
