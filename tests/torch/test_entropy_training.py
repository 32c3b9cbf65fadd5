"""Training of an entropy model: what is trained in floats is what the integers compute, and it learns what there is."""

import numpy as np
import pytest
import torch

from kvant.bitstream.entropy_models.context import past_numbers
from kvant.bitstream.entropy_models.integer_network import ACTIVATION, IntegerNetwork, Weights
from kvant.bitstream.entropy_models.neural import NeuralModel
from kvant.quantizers.slots import ABSENT
from kvant.training import entropy_model
from kvant.training.coded_blocks import CodedBlocks, depths_below
from kvant.training.entropy_model import (
    assembled,
    depth_batches,
    fit,
    integer_vectors,
    level_batches,
    level_network,
)
from kvant.training.integer_network import LOGIT, RoundedNetwork

LEVELS, SIZE, DIM, FRAMES = 3, 16, 4, 150


def blocks(count: int = 12) -> CodedBlocks:
    """Level 0 goes round the codes in steps of 1, or 2 in odd ones; the others follow from those around them."""
    rng = np.random.default_rng(0)
    first = (rng.integers(SIZE, size=(count, 1)) + np.arange(FRAMES) * (1 + np.arange(count)[:, None] % 2)) % SIZE
    codes = np.stack([first, (np.roll(first, -1, axis=1) * 5 + 3) % SIZE, (first * 3) % SIZE], axis=1)
    errors = np.exp(-np.arange(LEVELS + 1)[:, None] + rng.normal(size=(count, 1, FRAMES)))
    return CodedBlocks(codes, errors)


def test_integers_compute_what_was_trained() -> None:
    """Hidden activations are equal to the last unit; logits to the half that their own rounding takes."""
    torch.manual_seed(0)
    network = RoundedNetwork((40, 24, 16, 9))
    with torch.no_grad():
        for layer in network.layers:
            layer.weight.mul_(torch.exp(torch.randn(len(layer.weight), 1)))
            layer.bias.mul_(3)
    tensors = network.tensors("net")
    layers = [Weights(*(tensors[f"net.{i}.{part}"] for part in Weights._fields)) for i in range(3)]
    x = np.random.default_rng(1).integers(-200, 201, (500, 40))
    integers = IntegerNetwork(layers, np.full(40, 200))
    hidden = integers.layers[0](x).clip(0, ACTIVATION)
    assert 0.2 < (hidden > 0).mean() < 0.8
    network.double()
    expected = network(torch.from_numpy(x).double()).detach().numpy()
    assert expected.std() > 0.1
    # A bias is rounded to an integer, too, and may tip an activation over the edge of a unit.
    error = np.abs(integers(x) / 2**LOGIT - expected)
    assert np.quantile(error, 0.9) < 0.6 / 2**LOGIT
    assert error.max() < 0.1


def test_depths_are_the_fewest_below_the_limit() -> None:
    errors = np.array([[9.0, 3.0, 5.0], [4.0, 2.0, 5.0], [1.0, 1.0, 5.0]])
    assert depths_below(errors, 4.5).tolist() == [1, 1, 2]
    assert depths_below(errors, 2.5).tolist() == [2, 1, 2]
    assert depths_below(errors, 100.0).tolist() == [1, 1, 1]


def test_drawn_blocks_are_prefixes_of_their_depths() -> None:
    made = blocks()
    rng, curve = np.random.default_rng(2), made.limits()
    assert (np.diff(curve[0]) >= 0).all()
    constant = 0
    for level in [0, 1, 2] * 20:
        codes, depths = made.draw(rng, level, curve)
        assert ((codes != ABSENT).sum(axis=0) == depths).all()
        assert ((codes != ABSENT) == (np.arange(LEVELS)[:, None] < depths)).all()
        constant += len(set(depths.tolist())) == 1
    assert 5 < constant < 55


def test_a_trained_model_knows_what_there_is_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes that follow from those around them cost next to nothing in the end, and 4 bits in the beginning."""
    monkeypatch.setattr(entropy_model, "BATCH", 400)
    monkeypatch.setattr(entropy_model, "HIDDEN", (48, 32))
    made = blocks()
    books = np.random.default_rng(3).normal(size=(LEVELS, SIZE, DIM)).astype(np.float32)
    vectors = integer_vectors(books)
    assert np.abs(vectors.astype(int)).max(axis=(0, 1)).min() > 63
    first: dict[int, float] = {}
    networks = []
    for level, book in enumerate(books):
        batches = level_batches(made, vectors, level, level == 0, seed=0)
        network = level_network(book, np.ones(SIZE), level)
        features, targets = next(batches)
        with torch.no_grad():
            logits = network(torch.from_numpy(features).float())
        first[level] = float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets))) / np.log(2)
        networks.append(fit(network, batches, 300, lambda step, bits: None))
    depth = fit(
        RoundedNetwork((past_numbers(LEVELS), 8, LEVELS + 1)), depth_batches(made, 0), 20, lambda step, bits: None
    )
    model = NeuralModel(assembled(vectors, [True, False, False], networks, depth), bytes(32))
    codes, depths = made.codes[0], np.full(FRAMES, LEVELS)
    for level in range(LEVELS):
        frames = np.arange(5, FRAMES - 5)
        table = model.frequencies(level, codes, depths, frames)
        bits = 16 - np.log2(table[np.arange(len(frames)), codes[level, frames]])
        assert first[level] > 3
        assert bits.mean() < first[level] / 2
