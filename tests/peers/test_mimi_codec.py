"""The official Mimi, weight for weight: the same codes, the same waveform, and streams that equal its whole.

`pip install einops` and `pip install --no-deps moshi`; without them these tests are skipped.
"""

from typing import Any

import pytest
import torch

from kvant.codec import Codec
from kvant.codecs import mimi
from tests.laws.small_codecs import MIMI
from tests.near_ties import count_near_ties
from tests.peers import stand_ins
from tests.peers.official_mimi import HOP, RELEASE, small_pair
from tests.speech import speech

pytest.importorskip("einops")


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Codec]:
    return small_pair()


@torch.no_grad()
def test_latents_are_its(pair: tuple[Any, Codec]) -> None:
    """Over a signal seven times as long as what the transformers see."""
    theirs, ours = pair
    wav = speech(1.1, batch=2)[..., : 75 * HOP]
    expected = theirs._encode_to_unquantized_latent(wav)
    assert expected.diff(dim=-1).std() > 0.05
    torch.testing.assert_close(ours.encoder(ours.pad(wav)), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


@torch.no_grad()
@pytest.mark.parametrize("length", [1, HOP - 1, HOP, HOP + 1, 3 * HOP + 3, 75 * HOP + 17])
@pytest.mark.parametrize("depth", [1, 2, 6])
def test_codes_and_wav_are_its(pair: tuple[Any, Codec], length: int, depth: int) -> None:
    theirs, ours = pair
    wav = speech(1.1, batch=2)[..., :length]
    theirs.set_num_codebooks(depth)
    expected, codes = theirs.encode(wav), ours.encode(wav, depth)
    assert codes.shape == expected.shape == (2, depth, -(-length // HOP))
    assert count_near_ties(ours.quantizer, ours.encoder(ours.pad(wav)), codes, expected) == 0
    decoded = theirs.decode(expected)
    assert decoded.std() > 0.02
    heard = ours.decode(expected)
    assert heard.shape == decoded.shape
    assert (heard - decoded).abs().max() <= 1e-5 * max(1, decoded.abs().max())
    assert torch.equal(ours.decode(expected, length), heard[..., :length])


@torch.no_grad()
def test_frame_by_frame_it_is_the_official_whole(pair: tuple[Any, Codec]) -> None:
    theirs, ours = pair
    wav = speech(1.1, batch=2)[..., : 75 * HOP]
    theirs.set_num_codebooks(MIMI.num_codebooks)
    expected = theirs.encode(wav)
    decoded = theirs.decode(expected)
    encoder, decoder, codes, heard = ours.encoder.initial_state(2), ours.decoder.initial_state(2), [], []
    for block, frame in zip(wav.split(HOP, dim=-1), expected.split(1, dim=-1), strict=True):
        made, encoder = ours.encode_step(block, encoder)
        samples, decoder = ours.decode_step(frame, decoder)
        codes.append(made)
        heard.append(samples)
    assert torch.equal(torch.cat(codes, dim=-1), expected)
    assert (torch.cat(heard, dim=-1) - decoded).abs().max() <= 1e-5 * decoded.abs().max()


@torch.no_grad()
def test_its_own_stream_is_that_until_a_window_is_full(pair: tuple[Any, Codec]) -> None:
    """With two positions a step, 21 are full in the eleventh, and its first asks for one that the second replaced."""
    theirs, _ = pair
    wav = speech(1.1)[..., : 20 * HOP]
    whole = theirs._encode_to_unquantized_latent(wav)
    with theirs.streaming(1):
        stream = torch.cat([theirs._encode_to_unquantized_latent(block) for block in wav.split(HOP, dim=-1)], dim=-1)
    apart = (stream - whole).abs().amax(dim=(0, 1)) / whole.abs().max()
    assert apart[:10].max() < 1e-5
    assert apart[10:].min() > 1e-4


def test_the_published_names_and_shapes() -> None:
    loaders = stand_ins.mimi()
    with torch.device("meta"):
        state = loaders.get_mimi(None, device="meta").state_dict()
        ours = mimi.build(RELEASE.config)
    layout = RELEASE.layout_of(state)
    assert layout.package == "moshi"
    converted = layout.convert({name: tensor for name, tensor in state.items() if not name.endswith("_initialized")})
    statistics = ("counts", "sums", "usage", "steps", "started")
    expected = {n: t.shape for n, t in ours.state_dict().items() if not n.endswith(statistics)}
    assert {name: tensor.shape for name, tensor in converted.items()} == expected
    assert sum(parameter.numel() for parameter in ours.parameters()) == 79_308_609
