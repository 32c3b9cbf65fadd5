"""BigCodec's weights: every name of the authors' has its place, and what their code makes of them is made here.

`bigcodec_names.txt` lists both states of the model in the repository Aria-K-Alethia/BigCodec (commit 09845ab), named as
`read_checkpoint` joins them. `bigcodec_tiny.safetensors` holds random weights of a small one, a wav of 137 samples, and
its codes and what they decode to, of the wav with silence to whole hops.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from kvant.checkpoint import load_codec
from kvant.codecs import bigcodec
from kvant.errors import ModelError
from kvant.importing.filling import fill, import_checkpoint
from kvant.importing.published import PUBLISHED
from kvant.layers.anti_aliased import AntiAliased

FIXTURES = Path(__file__).parent / "fixtures"
TINY = bigcodec.Config(
    strides=(2, 5), encoder_channels=2, decoder_channels=8, latent_dim=6, codebook_size=16, codebook_dim=4
)
RELEASE = replace(PUBLISHED["bigcodec"], config=TINY)


def official() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(weights, heard)."""
    content = load_file(FIXTURES / "bigcodec_tiny.safetensors")
    heard = {name.removeprefix("heard."): content.pop(name) for name in list(content) if name.startswith("heard.")}
    return content, heard


def test_every_name_of_the_official_model_has_a_tensor_of_its_shape() -> None:
    lines = (FIXTURES / "bigcodec_names.txt").read_text().splitlines()
    assert len(lines) == 533
    theirs = {}
    for name, shape in (line.split() for line in lines):
        if not name.endswith(("weight_g", ".filter")):
            sizes = tuple(int(size) for size in shape.split(","))
            theirs[name.replace("weight_v", "weight")] = torch.empty(sizes, device="meta")
    with torch.device("meta"):
        codec = bigcodec.build(PUBLISHED["bigcodec"].config)
    ours = {name: p.shape for name, p in codec.named_parameters()}
    assert {name: tensor.shape for name, tensor in bigcodec.from_official(theirs).items()} == ours
    assert sum(shape.numel() for shape in ours.values()) == 159_408_841
    assert codec.frame_rate == 80
    assert codec.quantizer.codebook_sizes == (2**13,)
    assert codec.latency == 11400


def test_codes_and_wav_are_what_the_official_code_made() -> None:
    weights, heard = official()
    codec = fill(RELEASE, weights)
    assert heard["wav"].shape[-1] % codec.hop_length == 7
    assert len(heard["codes"].unique()) >= 5
    for chunk in (None, 3):
        assert torch.equal(codec.encode(heard["wav"], chunk=chunk), heard["codes"])
        decoded = codec.decode(heard["codes"], chunk=chunk)
        torch.testing.assert_close(decoded, heard["decoded"], rtol=0, atol=1e-5)
    assert heard["decoded"].std() > 0.02


def test_filters_of_the_checkpoint_are_those_computed() -> None:
    """They are not read, so they must not differ."""
    filters = [tensor for name, tensor in official()[0].items() if name.endswith(".filter")]
    layers = [module for module in fill(RELEASE, official()[0]).modules() if isinstance(module, AntiAliased)]
    assert len(filters) == 2 * len(layers)
    for stored in filters:
        torch.testing.assert_close(stored[0, 0], layers[0].taps, rtol=0, atol=1e-7)


def test_a_checkpoint_of_two_states_becomes_a_model_file(tmp_path: Path) -> None:
    """As its authors save it: the encoder in one, the decoder with the quantizer in the other."""
    weights, heard = official()
    parts: dict[str, dict[str, Tensor]] = {"CodecEnc": {}, "generator": {}}
    for name, tensor in weights.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    torch.save({**parts, "discriminator": {"conv.weight": torch.zeros(3)}, "step": 7}, tmp_path / "bigcodec.pt")
    model = tmp_path / "model.safetensors"
    record = import_checkpoint("bigcodec", RELEASE, tmp_path / "bigcodec.pt", model, {})
    assert record["licence"] == {"code": "MIT", "weights": "MIT"}
    assert torch.equal(load_codec(model).encode(heard["wav"]), heard["codes"])
    torch.save(parts["generator"], tmp_path / "half.pt")
    with pytest.raises(ModelError, match="of no layout that is known"):
        import_checkpoint("bigcodec", RELEASE, tmp_path / "half.pt", model, {})


def test_weights_that_do_not_fit_are_refused_by_name() -> None:
    weights, _ = official()
    del weights["CodecEnc.block.3.lstm.bias_ih_l1"]
    with pytest.raises(ModelError, match=r"missing: encoder\.recurrence\.branch\.lstm\.bias_ih_l1"):
        fill(RELEASE, weights)
