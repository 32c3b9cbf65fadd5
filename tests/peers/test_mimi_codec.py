"""The official Mimi, weight for weight: the same codes, the same waveform, and streams that equal its whole.

`pip install einops` and `pip install --no-deps moshi`; without them these tests are skipped.
"""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from kvant.codec import Codec
from kvant.codecs import mimi
from kvant.importing.filling import fill
from tests.laws.small_codecs import MIMI
from tests.near_ties import count_near_ties
from tests.peers import stand_ins
from tests.speech import speech

pytest.importorskip("einops")

RELEASE = mimi.PUBLISHED["mimi-24khz"]
HOP = 320


@torch.no_grad()
def awake(model: Any) -> Any:
    """The model with levels kept, no layer idle, and each codebook where its residuals are."""
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "layer_scale" in name:
            parameter.uniform_(0.2, 0.6)
        elif "norm" in name:
            parameter.add_(0.2 * torch.randn_like(parameter))
        elif parameter.dim() == 3:
            parameter.mul_(3**0.5)
        elif "in_projs" in name:
            parameter.mul_(2)
    latents = model._encode_to_unquantized_latent(speech(1.0, batch=4, seed=3))
    for side in (model.quantizer.rvq_first, model.quantizer.rvq_rest):
        residual = side.input_proj(latents).transpose(1, 2).flatten(0, 1)
        for level in side.vq.layers:
            book = level._codebook
            rows = residual[torch.randint(len(residual), (book.codebook_size,))]
            book.cluster_usage.uniform_(0.5, 20)
            book.embedding_sum.copy_(0.3 * rows + 0.03 * residual.std() * torch.randn_like(rows))
            book.embedding_sum.mul_(book.cluster_usage[:, None])
            residual = residual - book.decode(book.encode(residual))
    return model.eval()


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Codec]:
    """(theirs, ours), with the same random weights."""
    loaders, size, layers = stand_ins.mimi(), MIMI.latent_dim, MIMI.transformer
    theirs = loaders.get_mimi(
        None,
        {
            "sample_rate": MIMI.sample_rate,
            "channels": 1,
            "frame_rate": MIMI.sample_rate / HOP,
            "seanet": loaders._seanet_kwargs
            | {"dimension": size, "n_filters": MIMI.seanet.filters, "ratios": list(reversed(MIMI.seanet.strides))},
            "quantizer": {
                "dimension": MIMI.codebook_dim,
                "n_q": MIMI.num_codebooks,
                "bins": MIMI.codebook_size,
                "input_dimension": size,
                "output_dimension": size,
            },
            "transformer": loaders._transformer_kwargs
            | {"d_model": size, "num_heads": layers.heads, "num_layers": layers.layers, "context": layers.window}
            | {"dim_feedforward": layers.hidden, "input_dimension": size, "output_dimensions": [size]},
        },
        num_codebooks=MIMI.num_codebooks,
    )
    awake(theirs)
    return theirs, fill(replace(RELEASE, config=MIMI), theirs.state_dict())


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


def test_in_training_latents_commitment_and_gradients_are_its(pair: tuple[Any, Codec]) -> None:
    """Each level's commitment counts once among all levels, on either side of the split."""
    theirs, ours = pair
    theirs.set_num_codebooks(MIMI.num_codebooks)
    official, quantizer = (copy.deepcopy(model.quantizer).train() for model in (theirs, ours))
    for module in official.modules():
        if hasattr(module, "_initialized"):
            module._initialized.fill_(1)
    with torch.no_grad():
        latents = ours.encoder(ours.pad(speech(1.1, batch=2)))
    left, right = latents.clone().requires_grad_(), latents.clone().requires_grad_()
    expected, result = official(left, 75.0), quantizer(right)
    assert torch.equal(result.codes, expected.codes)
    torch.testing.assert_close(result.latents, expected.x)
    torch.testing.assert_close(result.losses["commitment"], expected.penalty)
    weights = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
    ((weights * expected.x).mean() + expected.penalty).backward()
    ((weights * result.latents).mean() + result.losses["commitment"]).backward()
    assert left.grad is not None
    assert left.grad.any()
    torch.testing.assert_close(right.grad, left.grad)


def test_the_published_names_and_shapes() -> None:
    loaders = stand_ins.mimi()
    with torch.device("meta"):
        state = loaders.get_mimi(None, device="meta").state_dict()
        ours = mimi.build(RELEASE.config)
    layout = RELEASE.layout_of(state)
    assert layout.package == "moshi"
    converted = layout.convert({name: tensor for name, tensor in state.items() if not name.endswith("_initialized")})
    statistics = ("counts", "sums", "usage", "steps")
    expected = {n: t.shape for n, t in ours.state_dict().items() if not n.endswith(statistics)}
    assert {name: tensor.shape for name, tensor in converted.items()} == expected
    assert sum(parameter.numel() for parameter in ours.parameters()) == 79_308_609
