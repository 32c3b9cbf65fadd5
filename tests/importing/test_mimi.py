"""Mimi's weights, as the official package and transformers name them: all have their place, and mean the same.

`mimi_24khz_names.txt` lists the published model of moshi 0.2.13, `mimi_24khz_transformers_names.txt` that of
transformers 5.24. `mimi_tiny.safetensors` holds random weights of a small one of the first, a wav `heard.wav` of 12 and
a half frames, its codes, and what the official package decodes of all four levels and of the first alone;
`mimi_tiny_transformers.safetensors` is what transformers saves of the same weights.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from kvant.checkpoint import load_codec, statistics
from kvant.codecs import mimi
from kvant.errors import ModelError
from kvant.importing.filling import fill, import_checkpoint
from kvant.importing.published import PUBLISHED
from kvant.layers.seanet import SEANetConfig
from kvant.layers.transformer import TransformerConfig
from kvant.streaming import stepwise

FIXTURES = Path(__file__).parent / "fixtures"
LAYOUTS = {"moshi": "mimi_tiny.safetensors", "transformers": "mimi_tiny_transformers.safetensors"}
TINY = replace(
    PUBLISHED["mimi-24khz"],
    config=mimi.Config(
        latent_dim=8,
        num_codebooks=4,
        codebook_size=16,
        codebook_dim=4,
        seanet=SEANetConfig(filters=2, strides=(2, 3), last_kernel_size=3),
        transformer=TransformerConfig(layers=2, heads=2, hidden=12, window=7),
    ),
    layouts=mimi.layouts(heads=2),
)


def heard() -> dict[str, Tensor]:
    tensors = load_file(FIXTURES / LAYOUTS["moshi"])
    return {name.removeprefix("heard."): tensor for name, tensor in tensors.items() if name.startswith("heard.")}


def weights(package: str) -> dict[str, Tensor]:
    tensors = load_file(FIXTURES / LAYOUTS[package])
    return {name: tensor for name, tensor in tensors.items() if not name.startswith("heard.")}


@pytest.mark.parametrize("package", LAYOUTS)
def test_codes_and_wav_are_what_the_official_package_made(package: str) -> None:
    codec, made = fill(TINY, weights(package)), heard()
    assert torch.equal(codec.encode(made["wav"]), made["codes"])
    assert made["codes"].shape == (2, 4, 13)
    for depth, expected in ((4, made["decoded"]), (1, made["decoded_1"])):
        torch.testing.assert_close(codec.decode(made["codes"][:, :depth]), expected, rtol=0, atol=1e-5)
        assert expected.std() > 0.1
    assert torch.equal(codec.decode(made["codes"], 150), codec.decode(made["codes"])[..., :150])
    with torch.no_grad():
        streamed = stepwise(codec.decoder, codec.quantizer.decode(made["codes"]), [1] * 13)
    torch.testing.assert_close(streamed, made["decoded"], rtol=0, atol=1e-5)


def test_both_layouts_hold_the_same_weights_to_the_bit() -> None:
    one, other = (fill(TINY, weights(package)).state_dict() for package in LAYOUTS)
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.parametrize(
    ("package", "file", "tensors"),
    [("moshi", "mimi_24khz_names.txt", 318), ("transformers", "mimi_24khz_transformers_names.txt", 350)],
)
def test_every_name_of_the_published_model_has_a_tensor_of_its_shape(package: str, file: str, tensors: int) -> None:
    lines = [line.split() for line in (FIXTURES / file).read_text().splitlines()]
    state = {name: torch.empty(tuple(map(int, shape.split(","))), device="meta") for name, shape in lines}
    release = PUBLISHED["mimi-24khz"]
    layout = release.layout_of(state)
    assert (layout.package, len(state)) == (package, tensors)
    with torch.device("meta"):
        codec = mimi.build(release.config)
    dropped = statistics(codec)
    ours = {name: tensor.shape for name, tensor in codec.state_dict().items() if name not in dropped}
    learnt = {name: tensor for name, tensor in state.items() if not name.endswith("initialized")}
    assert {name: tensor.shape for name, tensor in layout.convert(learnt).items()} == ours
    assert sum(parameter.numel() for parameter in codec.parameters()) == 79_308_609
    assert codec.hop_length == codec.latency == 1920
    assert codec.frame_rate * 11 * codec.num_codebooks == 4400


def test_older_spellings_of_the_official_names_are_known() -> None:
    older = {
        name.replace("in_projs.0.weight", "in_proj_weight")
        .replace("out_projs.0.", "out_proj.")
        .replace("_codebook._initialized", "_codebook.inited")
        .replace("cluster_usage", "cluster_size")
        .replace("embedding_sum", "embed_avg"): tensor
        for name, tensor in weights("moshi").items()
    }
    assert not set(older) & {name for name in weights("moshi") if "_codebook" in name or "self_attn" in name}
    codec, made = fill(TINY, older), heard()
    assert torch.equal(codec.encode(made["wav"]), made["codes"])


def test_a_vector_is_the_mean_of_what_won_it() -> None:
    state = weights("moshi")
    book = "quantizer.rvq_rest.vq.layers.1._codebook."
    sums, usage = state[f"{book}embedding_sum"], state[f"{book}cluster_usage"]
    usage[3] = 0
    vectors = fill(TINY, state).quantizer.acoustic.quantizer.codebooks[1].vectors
    torch.testing.assert_close(vectors[4], sums[4] / usage[4])
    torch.testing.assert_close(vectors[3], sums[3] / 1e-5)


def test_a_file_becomes_a_model_file(tmp_path: Path) -> None:
    save_file(weights("transformers"), tmp_path / "published.safetensors")
    model = tmp_path / "model.safetensors"
    record = import_checkpoint("mimi-24khz", TINY, tmp_path / "published.safetensors", model, {})
    assert record["licence"] == {"code": "MIT", "weights": "CC-BY 4.0"}
    codec, made = load_codec(model), heard()
    assert torch.equal(codec.encode(made["wav"]), made["codes"])
    torch.testing.assert_close(codec.decode(made["codes"]), made["decoded"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("package", "name", "message"),
    [
        ("moshi", "quantizer.rvq_rest.vq.layers.1._codebook.cluster_usage", r"unknown: .*codebooks\.1\.sum"),
        ("moshi", "decoder.model.0.conv.conv.bias", r"missing: decoder\.parts\.2\.parts\.0\.conv\.bias"),
        ("transformers", "encoder_transformer.layers.1.self_attn.k_proj.weight", r"unknown: .*q_proj"),
        ("transformers", "downsample.conv.weight", r"missing: encoder\.parts\.2\.conv\.weight"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(package: str, name: str, message: str) -> None:
    state = weights(package)
    del state[name]
    with pytest.raises(ModelError, match=message):
        fill(TINY, state)
