"""WavTokenizer's checkpoints: every name has its place or is known to be left out, and what the model makes of them.

`wavtokenizer_40_names.txt` lists the official model (commit 5cf440d of its repository) at 40 codes a second.
`wavtokenizer_tiny.safetensors` holds random weights of a small one without its unused decoder (halved precision behind
the codebook, where no weight norm is), a wav, its codes, and what they decode to.
"""

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from kvant.checkpoint import load_codec
from kvant.codecs import wavtokenizer
from kvant.codecs.completing import CompletingCodec
from kvant.decoders.vocos import BackboneConfig
from kvant.errors import ModelError
from kvant.importing.filling import fill, import_checkpoint
from kvant.importing.published import PUBLISHED
from kvant.layers.seanet import SEANetConfig

FIXTURES = Path(__file__).parent / "fixtures"
CONFIG = wavtokenizer.Config(
    latent_dim=6,
    codebook_size=16,
    seanet=SEANetConfig(filters=4, strides=(2, 3)),
    backbone=BackboneConfig(32, 48, blocks=1),
    window_length=24,
)
TINY = dataclasses.replace(PUBLISHED["wavtokenizer-small-75"], config=CONFIG)


def official() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(weights, heard)."""
    content = load_file(FIXTURES / "wavtokenizer_tiny.safetensors")
    heard = {name.removeprefix("heard."): content.pop(name) for name in list(content) if name.startswith("heard.")}
    return content, heard


def test_a_training_checkpoint_becomes_a_model_and_codes_and_wav_are_the_official_ones(tmp_path: Path) -> None:
    """As its trainer writes it: the state within, discriminators in that, and numbers of the run beside it."""
    weights, heard = official()
    others = {
        "feature_extractor.encodec.decoder.model.0.conv.conv.bias": torch.zeros(2),
        "multiperioddisc.discriminators.0.convs.0.bias": torch.zeros(2),
        "melspec_loss.mel_spec.mel_scale.fb": torch.zeros(2, 2),
    }
    torch.save({"epoch": 3, "state_dict": weights | others, "lr_schedulers": [{"step": 4}]}, tmp_path / "small.ckpt")
    record = import_checkpoint("tiny", TINY, tmp_path / "small.ckpt", tmp_path / "model.safetensors", {})
    assert record["licence"] == {"code": "MIT", "weights": "MIT"}
    codec = load_codec(tmp_path / "model.safetensors")
    assert isinstance(codec, CompletingCodec)
    assert torch.equal(codec.encode(heard["wav"]), heard["codes"])
    assert len(heard["codes"].unique()) > 4
    assert heard["decoded"].std() > 0.01
    decoded = codec.decode(heard["codes"])
    torch.testing.assert_close(decoded, heard["decoded"], rtol=0, atol=1e-5 * float(heard["decoded"].abs().max()))


def test_every_published_tensor_has_its_place() -> None:
    """But those of the unused decoder, of training, and the window; of four bitrates, the first."""
    lines = (FIXTURES / "wavtokenizer_40_names.txt").read_text().splitlines()
    shapes = {name: tuple(map(int, shape.split(","))) for name, shape in map(str.split, lines)}
    assert len(shapes) == 289
    left_out = ("encodec.decoder.", "inited", "cluster_size", "embed_avg", "istft.window", "weight_g")
    theirs = {
        name.replace("weight_v", "weight"): torch.empty(shape, device="meta")
        for name, shape in shapes.items()
        if not any(part in name for part in left_out)
    }
    with torch.device("meta"):
        codec = wavtokenizer.build(PUBLISHED["wavtokenizer-large-40"].config)
    ours = {name: tensor.shape for name, tensor in codec.named_parameters()}
    ours["quantizer.codebook.weight"] = codec.quantizer.codebook.weight.shape
    assert {name: tensor.shape for name, tensor in wavtokenizer.from_official(theirs).items()} == ours
    assert (codec.hop_length, codec.frame_rate, codec.num_codebooks) == (600, 40, 1)
    assert sum(p.numel() for p in codec.encoder.parameters()) + sum(p.numel() for p in codec.decoder.parameters()) == (
        pytest.approx(72e6, rel=0.01)
    )


def test_norms_are_told_the_first_bitrate() -> None:
    weights, _ = official()
    for name in ("backbone.norm", "backbone.convnext.0.norm"):
        weights[f"{name}.scale.weight"] = torch.arange(4.0)[:, None].expand(4, 32) + 5
        weights[f"{name}.shift.weight"] = torch.arange(4.0)[:, None].expand(4, 32) - 5
    decoder = fill(TINY, weights).decoder
    for norm in (decoder.norm, decoder.blocks[0].norm):
        assert (norm.weight == 5).all()
        assert (norm.bias == -5).all()


def test_a_name_that_is_not_known_is_refused() -> None:
    weights, _ = official()
    weights["backbone.pos_net.6.weight"] = torch.zeros(32)
    with pytest.raises(ModelError, match=r"unknown: decoder.place.layers.6.weight"):
        fill(TINY, weights)
