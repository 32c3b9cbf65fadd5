"""EnCodec and DAC as transformers names them: recognised, every tensor in its place, the codes and wav it made.

`encodec_24khz_transformers_names.txt` and `dac_16khz_transformers_names.txt` list models of transformers 5.24.
`encodec_tiny_transformers.safetensors` and `dac_tiny_transformers.safetensors` hold random weights of small ones, a wav
`heard.wav`, its codes `heard.codes` and what it made of those, `heard.decoded`.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from kvant.checkpoint import load_codec, statistics
from kvant.codecs import CODECS, dac, encodec
from kvant.codecs.published import Published
from kvant.errors import ModelError
from kvant.importing.filling import fill, import_checkpoint
from kvant.importing.published import PUBLISHED
from kvant.layers.seanet import SEANetConfig

FIXTURES = Path(__file__).parent / "fixtures"
SEANET = SEANetConfig(filters=4, strides=(2, 3))
CONFIGS: dict[str, Any] = {
    "encodec-24khz": encodec.Config(
        latent_dim=6, num_codebooks=3, codebook_size=16, seanet=SEANET, edges="mirror", sample_rate=24000
    ),
    "dac-16khz": dac.Config(
        sample_rate=16000,
        strides=(2, 5),
        encoder_channels=2,
        decoder_channels=16,
        latent_dim=8,
        num_codebooks=3,
        codebook_size=16,
        codebook_dim=4,
    ),
}
TINY = {name: replace(PUBLISHED[name], config=config) for name, config in CONFIGS.items()}
FILES = {
    "encodec-24khz": FIXTURES / "encodec_tiny_transformers.safetensors",
    "dac-16khz": FIXTURES / "dac_tiny_transformers.safetensors",
}


def tiny(name: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(state, heard)."""
    tensors = load_file(FILES[name])
    heard = {key.removeprefix("heard."): tensors.pop(key) for key in list(tensors) if key.startswith("heard.")}
    return tensors, heard


def listed(file: str) -> dict[str, Tensor]:
    """A state without values of the names and shapes in a list."""
    entries = [line.split() for line in (FIXTURES / file).read_text().splitlines()]
    return {name: torch.empty(tuple(map(int, shape.split(","))), device="meta") for name, shape in entries}


def shapes(release: Published) -> dict[str, torch.Size]:
    """Those of what inference needs."""
    with torch.device("meta"):
        codec = CODECS[release.architecture][1](release.config)
    dropped = statistics(codec)
    return {name: tensor.shape for name, tensor in codec.state_dict().items() if name not in dropped}


@pytest.mark.parametrize("name", TINY)
def test_codes_and_wav_are_what_transformers_made(name: str) -> None:
    state, heard = tiny(name)
    codec = fill(TINY[name], state)
    assert torch.equal(codec.encode(heard["wav"]), heard["codes"])
    expected = heard["decoded"]
    decoded = codec.decode(heard["codes"])[..., : expected.shape[-1]].view_as(expected)
    assert expected.std() > 0.1
    torch.testing.assert_close(decoded, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "file", "count"),
    [
        ("encodec-24khz", "encodec_24khz_transformers_names.txt", 252),
        ("dac-16khz", "dac_16khz_transformers_names.txt", 238),
    ],
)
def test_every_tensor_has_its_place(name: str, file: str, count: int) -> None:
    """Weight norm is folded before: here its directions stand for the weights."""
    release, state = PUBLISHED[name], listed(file)
    assert len(state) == count
    layout = release.layout_of(state)
    assert layout.package == "transformers"
    folded = {
        name.replace("parametrizations.weight.original1", "weight"): tensor
        for name, tensor in state.items()
        if not name.endswith("original0") and not any(re.fullmatch(each, name) for each in layout.ignorable)
    }
    converted = layout.convert(folded)
    assert len(converted) == len(folded)
    assert {name: tensor.shape for name, tensor in converted.items()} == shapes(release)


@pytest.mark.parametrize("name", TINY)
def test_the_model_file_says_which_layout_it_came_in(name: str, tmp_path: Path) -> None:
    """A file of another layout is not the authors', and that is no cause for a warning."""
    state, heard = tiny(name)
    save_file(state, tmp_path / "published.safetensors")
    record = import_checkpoint(name, TINY[name], tmp_path / "published.safetensors", tmp_path / "model.safetensors", {})
    assert record["source"]["layout"] == "transformers"
    assert record["source"]["as_published"] is None
    assert torch.equal(load_codec(tmp_path / "model.safetensors").encode(heard["wav"]), heard["codes"])


@pytest.mark.parametrize("name", TINY)
def test_older_files_spell_weight_norm_otherwise(name: str) -> None:
    """`weight_g` and `weight_v`, as on the hub."""
    state, heard = tiny(name)
    older = {
        key.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for key, tensor in state.items()
    }
    assert torch.equal(fill(TINY[name], older).encode(heard["wav"]), heard["codes"])


def test_layouts_are_not_mixed() -> None:
    state, _ = tiny("encodec-24khz")
    with pytest.raises(ModelError, match=r"names of no layout that is known \(encodec, transformers\): a\.b"):
        fill(TINY["encodec-24khz"], {"a.b": torch.zeros(1)})
    with pytest.raises(ModelError, match="names of several layouts at once"):
        fill(TINY["encodec-24khz"], {**state, "encoder.model.0.conv.conv.bias": torch.zeros(4)})
    with pytest.raises(ModelError, match=r"unknown: decoder\.parts\.0\.more"):
        fill(TINY["encodec-24khz"], {**state, "decoder.layers.0.more": torch.zeros(4)})


@pytest.mark.parametrize(
    ("name", "file", "package"),
    [
        ("encodec-24khz", "encodec_24khz_names.txt", "encodec"),
        ("encodec-24khz", "encodec_24khz_transformers_names.txt", "transformers"),
        ("dac-44khz", "dac_44khz_names.txt", "descript-audio-codec"),
        ("dac-44khz", "dac_16khz_transformers_names.txt", "transformers"),
        ("snac-24khz", "snac_24khz_names.txt", "snac"),
    ],
)
def test_a_layout_is_known_by_its_names(name: str, file: str, package: str) -> None:
    assert PUBLISHED[name].layout_of(listed(file)).package == package
