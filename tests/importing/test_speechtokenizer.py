"""SpeechTokenizer's weights: every name of the official package has its place, and what it makes of them is made here.

`speechtokenizer_names.txt` lists the model of speechtokenizer 1.0.1 by its published description.
`speechtokenizer_tiny.safetensors` holds random weights of a small one, a wav of 137 samples (22 hops and an end within
one), its codes, and what they decode to.
"""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from kvant.checkpoint import load_codec, statistics
from kvant.codecs import centred_names, speechtokenizer
from kvant.errors import ModelError
from kvant.importing.filling import fill, import_checkpoint
from kvant.importing.published import PUBLISHED
from kvant.layers.seanet import SEANetConfig

FIXTURES = Path(__file__).parent / "fixtures"
TINY = speechtokenizer.Config(
    latent_dim=6, num_codebooks=3, codebook_size=16, seanet=SEANetConfig(filters=2, strides=(2, 3))
)
RELEASE = replace(PUBLISHED["speechtokenizer"], config=TINY)
IGNORED = ("weight_g", "inited", "cluster_size", "embed_avg", "transform.weight", "transform.bias")


def official() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(weights, heard)."""
    content = load_file(FIXTURES / "speechtokenizer_tiny.safetensors")
    heard = {name.removeprefix("heard."): content.pop(name) for name in list(content) if name.startswith("heard.")}
    return content, heard


def test_every_name_of_the_official_model_has_a_tensor_of_its_shape() -> None:
    lines = (FIXTURES / "speechtokenizer_names.txt").read_text().splitlines()
    assert len(lines) == 166
    theirs = {}
    for name, shape in (line.split() for line in lines):
        if not name.endswith(IGNORED):
            sizes = tuple(int(size) for size in shape.split(","))
            theirs[name.replace("weight_v", "weight")] = torch.empty(sizes, device="meta")
    with torch.device("meta"):
        codec = speechtokenizer.build(PUBLISHED["speechtokenizer"].config)
    ours = {name: tensor.shape for name, tensor in codec.state_dict().items() if name not in statistics(codec)}
    assert {name: tensor.shape for name, tensor in centred_names.from_official(theirs).items()} == ours
    assert sum(p.numel() for p in codec.parameters()) == 102_877_633
    assert codec.frame_rate == 50
    assert codec.quantizer.codebook_sizes == (1024,) * 8
    assert codec.latency == math.inf


def test_codes_and_wav_are_what_the_official_package_made() -> None:
    weights, heard = official()
    codec = fill(RELEASE, weights)
    assert heard["wav"].shape[-1] % codec.hop_length == 5
    for chunk in (None, 4):
        assert torch.equal(codec.encode(heard["wav"], chunk=chunk), heard["codes"])
        decoded = codec.decode(heard["codes"], chunk=chunk)
        torch.testing.assert_close(decoded, heard["decoded"], rtol=0, atol=1e-5)
    assert heard["decoded"].std() > 0.02


def test_its_checkpoint_becomes_a_model_file(tmp_path: Path) -> None:
    weights, heard = official()
    torch.save(weights, tmp_path / "SpeechTokenizer.pt")
    model = tmp_path / "model.safetensors"
    record = import_checkpoint("speechtokenizer", RELEASE, tmp_path / "SpeechTokenizer.pt", model, {})
    assert record["licence"]["code"] == "Apache 2.0"
    assert torch.equal(load_codec(model).encode(heard["wav"]), heard["codes"])


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("encoder.model.7.lstm.bias_hh_l1_reverse", "encoder.recurrence.branch.lstm.bias_hh_l1_reverse"),
        ("decoder.model.1.lstm.weight_ih_l0", "decoder.recurrence.branch.lstm.weight_ih_l0"),
        ("encoder.model.9.conv.conv.bias", "encoder.after.layers.1.conv.bias"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(theirs: str, ours: str) -> None:
    weights, _ = official()
    del weights[theirs]
    with pytest.raises(ModelError, match=f"missing: {ours}".replace(".", r"\.")):
        fill(RELEASE, weights)
