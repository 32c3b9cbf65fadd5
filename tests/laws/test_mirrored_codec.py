"""Laws of codecs whose layers mirror the edges: streamed equals whole from the first block on that can be mirrored."""

import pytest
import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.codecs import encodec
from kvant.codecs.mirrored import MirroredCodec
from kvant.errors import UsageError
from kvant.layers.seanet import SEANetConfig
from kvant.streaming import flatten_state
from tests.near_ties import count_near_ties
from tests.speech import speech
from tests.wide_awake import wake_codec

HOP = 40
SEANET = SEANetConfig(filters=4, strides=(2, 4, 5))
CONFIG = encodec.Config(latent_dim=8, num_codebooks=4, codebook_size=32, seanet=SEANET, edges="mirror")
SILENT = encodec.Config(**{**vars(CONFIG), "edges": "silence"})


@pytest.fixture(scope="module")
def codec() -> MirroredCodec:
    torch.manual_seed(0)
    codec = wake_codec(encodec.build(CONFIG), seconds=2.0)
    assert isinstance(codec, MirroredCodec)
    return codec


@pytest.fixture(scope="module")
def silent(codec: MirroredCodec) -> Codec:
    """The same weights, with silence at the edges."""
    silent = encodec.build(SILENT)
    silent.load_state_dict(codec.state_dict())
    return silent.eval()


@pytest.fixture(scope="module")
def wav() -> Tensor:
    return speech(0.1, batch=2, seed=5)[..., : 50 * HOP + 13]


def encoded(codec: Codec, wav: Tensor, hops: list[int]) -> Tensor:
    """Latents of wav in blocks of so many hops, the last as long as what is left."""
    state, latents, start = codec.encoder.initial_state(len(wav)), [], 0
    for size in [*hops, wav.shape[-1]]:
        block = wav[..., start * HOP : (start + size) * HOP]
        if block.shape[-1]:
            with torch.no_grad():
                y, state = codec.encoder.step(block, state)
            latents.append(y)
        start += size
    return torch.cat(latents, dim=-1)


@pytest.mark.parametrize("hops", [[7] + [1] * 43, [7, 3, 2, 11], [8] * 6, [50]], ids=["7, then 1", "ragged", "8", "50"])
def test_streams_equal_the_whole(codec: MirroredCodec, wav: Tensor, hops: list[int]) -> None:
    """The last block of the wav holds 13 samples of a hop, which the encoder completes."""
    with torch.no_grad():
        whole = codec.encoder(codec.pad(wav))
    streamed = encoded(codec, wav, hops)
    assert (streamed - whole).abs().max() <= 1e-5 * whole.abs().max()
    codes = codec.encode(wav)
    assert codes.shape[-1] == codec.num_frames(wav.shape[-1]) == 51
    assert count_near_ties(codec.quantizer, whole, codes, codec.quantizer.encode(streamed)) <= 1
    state, blocks = codec.decoder.initial_state(2), []
    for block in codes.split([*hops, 51 - sum(hops)], dim=-1):
        heard, state = codec.decode_step(block, state)
        blocks.append(heard)
    heard, reference = codec.trim(torch.cat(blocks, dim=-1), wav.shape[-1]), codec.decode(codes, wav.shape[-1])
    assert (heard - reference).abs().max() <= 1e-5 * reference.abs().max()


def test_a_first_block_too_short_to_mirror_is_refused_when_the_stream_goes_on(
    codec: MirroredCodec, wav: Tensor
) -> None:
    assert codec.first_frames == 7
    for steps, block in ((codec.encode_step, wav[..., : 6 * HOP]), (codec.decode_step, codec.encode(wav)[..., :6])):
        part = codec.encoder if steps == codec.encode_step else codec.decoder
        _, state = steps(block, part.initial_state(2))
        with pytest.raises(UsageError, match="must hold more than 6 frames"):
            steps(block, state)


def test_nothing_follows_an_end_within_a_hop(codec: MirroredCodec, wav: Tensor) -> None:
    _, state = codec.encode_step(wav[..., : 8 * HOP + 3], codec.encoder.initial_state(2))
    with pytest.raises(UsageError, match="has ended this stream"):
        codec.encode_step(wav[..., :HOP], state)


def test_the_first_hops_are_as_late_as_declared_and_later_ones_wait_for_themselves(codec: MirroredCodec) -> None:
    """Output of frame f depends on input up to the end of frame max(f, 6 - f), and no further."""
    assert codec.latency == 7 * HOP
    wav = speech(0.1, seed=2)[..., : 12 * HOP]
    with torch.no_grad():
        latents = codec.encoder(wav)
        first_changed = []
        for frame in range(12):
            poisoned = wav.clone()
            poisoned[..., frame * HOP :] += 0.1
            changed = (codec.encoder(poisoned) != latents).any(1).flatten()
            first_changed.append(int(changed.nonzero()[0]))
    assert first_changed == [0, 0, 0, 0, 0, 0, 0, 7, 8, 9, 10, 11]


@pytest.mark.parametrize("length", [0, 1, HOP - 1, HOP, HOP + 1, 6 * HOP, 10 * HOP + 3])
def test_output_is_as_long_as_input(codec: MirroredCodec, wav: Tensor, length: int) -> None:
    codes = codec.encode(wav[..., :length])
    assert codes.shape == (2, 4, -(-length // HOP))
    decoded = codec.decode(codes, length)
    assert decoded.shape == (2, 1, length)
    assert torch.isfinite(decoded).all()


def test_edges_matter_at_the_edges(codec: MirroredCodec, silent: Codec, wav: Tensor) -> None:
    """Same weights, other edges: another start, which the LSTM forgets, and the same latents from then on."""
    with torch.no_grad():
        mirrored = codec.encoder(wav[..., : 50 * HOP])
        other = silent.encoder(wav[..., : 50 * HOP])
    difference = (mirrored - other).abs().amax(dim=(0, 1)) / mirrored.abs().max()
    assert difference[:6].min() > 1e-3
    assert difference[30:].max() < 1e-4


def test_states_start_at_zero_and_never_grow(codec: MirroredCodec, wav: Tensor) -> None:
    start = flatten_state(codec.encoder.initial_state(2))
    assert not any(tensor.any() for tensor in start)
    _, state = codec.encode_step(wav[..., : 50 * HOP], codec.encoder.initial_state(2))
    assert [tensor.shape for tensor in flatten_state(state)] == [tensor.shape for tensor in start]


def test_forward_is_decode_of_encode(codec: MirroredCodec, wav: Tensor) -> None:
    with torch.no_grad():
        result = codec(wav)
    assert torch.equal(result.quantized.codes, codec.encode(wav))
    decoded = codec.decode(result.quantized.codes, wav.shape[-1])
    assert (result.wav - decoded).abs().max() <= 1e-5 * decoded.abs().max()
