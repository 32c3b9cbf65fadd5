"""EnCodec's published layout: where every tensor goes, and what the official package computed from one.

fixtures/encodec_24khz_names.txt lists the state of the official 24 kHz model. fixtures/encodec_tiny.safetensors is a
state of its classes with 4 filters, strides 2 and 3, 6 dimensions and 3 codebooks of 16, drawn at random, with a wav
`heard.wav` [2, 1, 137] and what the official package made of it: `heard.codes`, `heard.decoded`.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from kvant.checkpoint import load_codec
from kvant.codecs import encodec
from kvant.codecs.mirrored import MirroredCodec
from kvant.codecs.published import Published
from kvant.errors import ModelError, UsageError
from kvant.importing.filling import fill, import_checkpoint
from kvant.importing.published import PUBLISHED
from kvant.layers.seanet import SEANetConfig
from kvant.model_file import read_model_file

FIXTURES = Path(__file__).parent / "fixtures"
CONFIG = encodec.Config(
    latent_dim=6, num_codebooks=3, codebook_size=16, seanet=SEANetConfig(filters=4, strides=(2, 3)), edges="mirror"
)
TINY: Published = dataclasses.replace(PUBLISHED["encodec-24khz"], config=CONFIG, source="tiny", sha256="00")


@functools.cache
def tiny() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(state, heard)."""
    tensors = load_file(FIXTURES / "encodec_tiny.safetensors")
    heard = {name.removeprefix("heard."): tensors.pop(name) for name in list(tensors) if name.startswith("heard.")}
    return tensors, heard


@pytest.fixture
def state() -> dict[str, Tensor]:
    return dict(tiny()[0])


@pytest.fixture
def checkpoint(tmp_path: Path, state: dict[str, Tensor]) -> Path:
    torch.save(state, tmp_path / "tiny.th")
    return tmp_path / "tiny.th"


def test_codes_and_waveform_are_those_of_the_official_package(state: dict[str, Tensor]) -> None:
    """137 samples are 22 hops and an end within one, which both sides complete by a mirror."""
    codec, heard = fill(TINY, state), tiny()[1]
    assert torch.equal(codec.encode(heard["wav"]), heard["codes"])
    decoded = codec.decode(heard["codes"])
    assert decoded.shape == heard["decoded"].shape == (2, 1, 138)
    assert (decoded - heard["decoded"]).abs().max() <= 1e-5 * heard["decoded"].abs().max()
    assert torch.equal(codec.decode(heard["codes"], 137), decoded[..., :137])


def test_every_published_tensor_has_its_place() -> None:
    """A state whose n-th tensor is all n: a bias and a vector keep it, g v / |v| of m equal values is g / sqrt(m)."""
    lines = (FIXTURES / "encodec_24khz_names.txt").read_text().splitlines()
    entries = [(name, tuple(map(int, shape.split(",")))) for name, shape in map(str.split, lines)]
    state = {name: torch.full(shape, float(n)) for n, (name, shape) in enumerate(entries, start=1)}
    position = {name: n for n, (name, _) in enumerate(entries, start=1)}
    ours = fill(PUBLISHED["encodec-24khz"], state).state_dict()
    whole = {
        "encoder.parts.15.conv.bias": "encoder.model.15.conv.conv.bias",
        "encoder.parts.4.branches.0.parts.1.conv.bias": "encoder.model.4.block.1.conv.conv.bias",
        "encoder.parts.4.branches.0.parts.3.module.bias": "encoder.model.4.block.3.conv.conv.bias",
        "encoder.parts.4.branches.1.module.bias": "encoder.model.4.shortcut.conv.conv.bias",
        "encoder.parts.13.branch.lstm.weight_hh_l1": "encoder.model.13.lstm.weight_hh_l1",
        "decoder.parts.1.branch.lstm.bias_ih_l0": "decoder.model.1.lstm.bias_ih_l0",
        "decoder.parts.6.bias": "decoder.model.6.convtr.convtr.bias",
        "quantizer.codebooks.31.weight": "quantizer.vq.layers.31._codebook.embed",
    }
    for name, theirs in whole.items():
        assert (ours[name] == position[theirs]).all(), name
    folded = {
        "encoder.parts.3.conv.weight": ("encoder.model.3.conv.conv.weight_g", 32 * 4),
        "decoder.parts.3.conv.weight": ("decoder.model.3.convtr.convtr.weight_g", 256 * 16),
        "decoder.parts.13.branches.1.module.weight": ("decoder.model.13.shortcut.conv.conv.weight_g", 32),
    }
    for name, (theirs, count) in folded.items():
        torch.testing.assert_close(ours[name], torch.full_like(ours[name], position[theirs] / count**0.5))
    learnt = [n for name, n in position.items() if not name.endswith(("weight_g", "inited", "cluster_size", "_avg"))]
    kept = [name for name in ours if not name.endswith(("counts", "sums", "usage", "steps", "started"))]
    assert len(kept) == len(learnt)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.update({"encoder.extra": torch.zeros(1)}), "unknown: encoder.extra"),
        (lambda state: state.pop("decoder.model.1.lstm.bias_ih_l0"), "missing: decoder.parts.1.branch.lstm.bias_ih_l0"),
        (lambda state: state.update({"encoder.model.0.conv.conv.bias": torch.zeros(5)}), r"conv.bias: \(5,\), not \(4"),
        (lambda state: state.pop("encoder.model.0.conv.conv.weight_g"), "one is missing"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(change: Callable, message: str, state: dict[str, Tensor]) -> None:
    change(state)
    with pytest.raises(ModelError, match=message):
        fill(TINY, state)


def test_training_statistics_are_ignored_and_restored(state: dict[str, Tensor]) -> None:
    for name in [name for name in state if name.endswith(("inited", "cluster_size", "embed_avg"))]:
        del state[name]
    book = fill(TINY, state).quantizer.codebooks[2]
    assert torch.equal(book.weight, state["quantizer.vq.layers.2._codebook.embed"])
    torch.testing.assert_close(book.sums / book.counts[:, None], book.weight)


class TestModelFile:
    def test_it_keeps_every_bit_and_whose_weights_they_are(self, checkpoint: Path, tmp_path: Path) -> None:
        path = tmp_path / "model" / "model.safetensors"
        record = import_checkpoint("tiny", TINY, checkpoint, path, {})
        codec, heard = load_codec(path), tiny()[1]
        assert isinstance(codec, MirroredCodec)
        assert torch.equal(codec.encode(heard["wav"]), heard["codes"])
        straight = fill(TINY, dict(tiny()[0])).state_dict()
        assert all(torch.equal(tensor, straight[name]) for name, tensor in codec.state_dict().items())
        model = read_model_file(path)
        assert model.metadata["licence"] == record["licence"]
        assert record["licence"]["code"] == "MIT"
        assert "CC-BY-NC" in record["licence"]["weights"]
        assert not record["source"]["as_published"]
        assert model.num_parameters == sum(p.numel() for p in codec.parameters()) + 3 * 16 * 6

    def test_silence_at_the_edges_instead(self, checkpoint: Path, tmp_path: Path) -> None:
        import_checkpoint("tiny", TINY, checkpoint, tmp_path / "model.safetensors", {"edges": "silence"})
        codec = load_codec(tmp_path / "model.safetensors")
        assert not isinstance(codec, MirroredCodec)
        assert codec.latency == codec.hop_length == 6
        for edges, message in (("echo", "must be one of silence, mirror"), ("silence", "has no option bridges")):
            options = {"edges": edges} if edges == "echo" else {"bridges": "silence"}
            with pytest.raises(UsageError, match=message):
                import_checkpoint("tiny", TINY, checkpoint, tmp_path / "other.safetensors", options)
