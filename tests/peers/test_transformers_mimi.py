"""Mimi of transformers, weight for weight: the same codes, the same waveform, of the file that it writes.

`pip install --no-deps transformers` and what it asks for besides torch; without it these tests are skipped.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kvant.codec import Codec
from kvant.codecs import mimi
from kvant.importing.checkpoint_files import read_checkpoint
from kvant.importing.filling import fill
from tests.laws.small_codecs import MIMI
from tests.near_ties import count_near_ties
from tests.speech import speech

transformers = pytest.importorskip("transformers")

RELEASE = mimi.PUBLISHED["mimi-24khz"]
HOP = 320


@torch.no_grad()
def awake(model: Any) -> Any:
    """The model with levels kept, no layer idle, and each codebook where its residuals are."""
    torch.manual_seed(0)
    for name, tensor in model.state_dict().items():
        if "layer_scale" in name:
            tensor.uniform_(0.2, 0.6)
        elif "layernorm" in name:
            tensor.add_(0.2 * torch.randn_like(tensor))
        elif name.endswith("bias"):
            tensor.normal_(0, 0.05)
        elif name.endswith(("q_proj.weight", "k_proj.weight")):
            tensor.normal_(0, 0.3)
        elif name.endswith("cluster_usage"):
            tensor.uniform_(0.5, 20)
    latents = model.encoder(speech(1.0, batch=4, seed=3)).latents
    quantizer = model.quantizer
    for side in (quantizer.semantic_residual_vector_quantizer, quantizer.acoustic_residual_vector_quantizer):
        residual = side.input_proj(latents).transpose(1, 2).flatten(0, 1)
        for level in side.layers:
            book = level.codebook
            rows = residual[torch.randint(len(residual), (book.codebook_size,))]
            book.embed_sum.copy_(0.3 * rows + 0.03 * residual.std() * torch.randn_like(rows))
            book.embed_sum.mul_(book.cluster_usage[:, None])
            residual = residual - book.decode(book.encode(residual))
    return model.eval()


def model_of(config: mimi.Config) -> Any:
    seanet, layers = config.seanet, config.transformer
    return transformers.MimiModel(
        transformers.MimiConfig(
            hidden_size=config.latent_dim,
            num_filters=seanet.filters,
            upsampling_ratios=list(reversed(seanet.strides)),
            codebook_size=config.codebook_size,
            codebook_dim=config.codebook_dim,
            num_quantizers=config.num_codebooks,
            vector_quantization_hidden_dimension=config.codebook_dim,
            upsample_groups=config.latent_dim,
            num_hidden_layers=layers.layers,
            intermediate_size=layers.hidden,
            num_attention_heads=layers.heads,
            num_key_value_heads=layers.heads,
            sliding_window=layers.window,
        )
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Codec]:
    """(theirs, ours of the file that it writes)."""
    theirs, folder = awake(model_of(MIMI)), Path(tmp_path_factory.mktemp("mimi"))
    theirs.save_pretrained(folder)
    release = replace(RELEASE, config=MIMI, layouts=mimi.layouts(heads=MIMI.transformer.heads))
    return theirs, fill(release, read_checkpoint(folder / "model.safetensors"))


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 3, 75])
@pytest.mark.parametrize("depth", [1, 2, 6])
def test_codes_and_wav_of_whole_frames_are_its(pair: tuple[Any, Codec], frames: int, depth: int) -> None:
    theirs, ours = pair
    wav = speech(1.1, batch=2)[..., : frames * HOP]
    expected = theirs.encode(wav, num_quantizers=depth).audio_codes
    codes = ours.encode(wav, depth)
    assert codes.shape == expected.shape == (2, depth, frames)
    assert count_near_ties(ours.quantizer, ours.encoder(wav), codes, expected) == 0
    decoded, heard = theirs.decode(expected).audio_values, ours.decode(expected)
    assert decoded.std() > 0.02
    assert heard.shape == decoded.shape == wav.shape
    assert (heard - decoded).abs().max() <= 1e-5 * max(1, decoded.abs().max())


@torch.no_grad()
@pytest.mark.parametrize("missing", [1, 161, 319])
def test_only_the_last_frame_differs_if_it_is_not_whole(pair: tuple[Any, Codec], missing: int) -> None:
    """There, each of their convolutions completes its own input; here as in the official package, silence is heard."""
    theirs, ours = pair
    wav = speech(1.1, batch=2)[..., : 30 * HOP - missing]
    expected, codes = theirs.encode(wav).audio_codes, ours.encode(wav)
    assert codes.shape == expected.shape == (2, 6, 30)
    assert torch.equal(codes[..., :29], expected[..., :29])
