"""A codec's codebooks on the disk, of every kind: a model file keeps vectors, and the graph sees nothing else."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kvant.checkpoint import load_codec, save_codec
from kvant.codec import Codec
from kvant.codecs import ablation, frame
from kvant.export import adds_up
from kvant.layers.context import ContextConfig
from kvant.layers.spectral_features import FeatureConfig
from kvant.model_file import read_model_file
from kvant.quantizers import CODEBOOKS, EMACodebook, ResidualQuantizer
from kvant.quantizers.codebooks import BridgedCodebook, SimVQCodebook
from tests.speech import speech
from tests.wide_awake import wake

BACKBONE = frame.Config(
    latent_dim=16,
    num_codebooks=3,
    codebook_size=32,
    features=FeatureConfig(num_bins=64, num_coefficients=24, num_bands=6),
    encoder=ContextConfig(channels=16, hidden=24, dilations=(1, 2)),
    decoder=ContextConfig(channels=8, hidden=12, dilations=(1,)),
)
every_codebook = pytest.mark.parametrize("kind", CODEBOOKS, ids=lambda kind: kind.__name__)


def config_of(kind: type) -> ablation.Config:
    remedies = () if kind.frozen else ("KMeansInit",)
    return ablation.Config(BACKBONE, ablation.QuantizerConfig(codebook=kind.__name__, remedies=remedies))


def trained(kind: type) -> Codec:
    """A codec whose codebooks have learnt for three steps, and which is in training still."""
    torch.manual_seed(0)
    codec = ablation.build(config_of(kind)).train()
    wake(codec)
    optimizer = torch.optim.SGD(codec.parameters(), lr=0.05)
    for seed in range(3):
        optimizer.zero_grad()
        losses = codec.quantizer(codec.encoder(codec.pad(speech(0.3, batch=2, seed=seed)))).losses
        sum(losses.values()).backward()
        optimizer.step()
    return codec


@every_codebook
def test_a_model_file_keeps_the_vectors_and_nothing_they_were_made_of(kind: type, tmp_path: Path) -> None:
    codec = trained(kind)
    path = tmp_path / "model.safetensors"
    save_codec(path, codec, "ablation", config_of(kind), {"name": "test"})
    stored = read_model_file(path).tensors
    names = {f"quantizer.codebooks.{level}.weight" for level in range(3)}
    assert {name for name in stored if name.startswith("quantizer.")} == names
    loaded = load_codec(path)
    wav = speech(0.5, seed=9)
    codec.eval()
    for book, other in zip(codec.quantizer.codebooks, loaded.quantizer.codebooks):
        assert torch.equal(other.vectors, book.vectors.detach().half().float())
        assert (int(other.steps), int(other.started)) == (1, 2 * other.size)
    assert (loaded.encode(wav) == codec.encode(wav)).float().mean() > 0.9
    save_codec(path, loaded, "ablation", config_of(kind), {"name": "again"})
    again = read_model_file(path).tensors
    assert all(np.array_equal(stored[name], again[name]) for name in stored)


@every_codebook
def test_a_training_state_goes_on_where_it_was(kind: type, tmp_path: Path) -> None:
    """All that the vectors are made of is in it: the next step is the same."""
    codec, other = trained(kind), ablation.build(config_of(kind)).train()
    save_file({name: tensor.contiguous() for name, tensor in codec.state_dict().items()}, tmp_path / "state")
    other.load_state_dict(load_file(tmp_path / "state"))
    for each in (codec, other):
        optimizer = torch.optim.SGD(each.parameters(), lr=0.05)
        optimizer.zero_grad()
        sum(each.quantizer(each.encoder(each.pad(speech(0.3, seed=5)))).losses.values()).backward()
        optimizer.step()
    ours, theirs = codec.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


class Both(nn.Module):
    """Encoding and decoding, as the graphs of a model do it."""

    def __init__(self, quantizer: nn.Module) -> None:
        super().__init__()
        self.quantizer = quantizer

    def forward(self, latents: Tensor) -> Tensor:
        return self.quantizer.decode(self.quantizer.encode(latents))


def graph_of(quantizer: nn.Module) -> tuple[list[str], list[str]]:
    """The tensors that a quantizer's graph uses, and its operations in order."""
    nodes = torch.export.export(Both(quantizer), (torch.randn(1, 16, 4),)).graph.nodes
    held = [node.name[2:] for node in nodes if node.op == "placeholder" and node.users]
    return held, [str(node.target) for node in nodes if node.op == "call_function"]


@pytest.mark.parametrize("kind", [SimVQCodebook, BridgedCodebook], ids=lambda kind: kind.__name__)
def test_graphs_hold_vectors_and_nothing_they_were_made_of(kind: type, tmp_path: Path) -> None:
    """The same operations on the same tensors as for plain codebooks: no network, no product with a matrix."""
    path = tmp_path / "model.safetensors"
    save_codec(path, trained(kind), "ablation", config_of(kind), {"name": "test"})
    quantizer = load_codec(path).quantizer
    plain = ResidualQuantizer([EMACodebook(32, 16) for _ in range(3)]).eval()
    assert adds_up(quantizer)
    assert graph_of(quantizer) == graph_of(plain)
    assert "quantizer_codebooks_2_weight" in graph_of(quantizer)[0]


def test_averaged_weights_have_averaged_vectors() -> None:
    """The average of a run is in evaluation while its parameters move: what it searches moves with them."""
    codec = trained(SimVQCodebook)
    average = torch.optim.swa_utils.AveragedModel(codec, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.5))
    average.module.eval()
    for step in range(3):
        with torch.no_grad():
            codec.quantizer.codebooks[0].transform.add_(0.1)
        average.update_parameters(codec)
        book = average.module.quantizer.codebooks[0]
        torch.testing.assert_close(book.vectors, book.express())
        assert step == 0 or (book.vectors - codec.quantizer.codebooks[0].vectors).norm() > 0.01
