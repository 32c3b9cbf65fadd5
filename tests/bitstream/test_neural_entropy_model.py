"""The learnt entropy model: exact in any order of summation, the same however frames are grouped, no seer."""

from itertools import pairwise

import numpy as np
import pytest

from kvant.bitstream.entropy_models.context import DEPTHS_KNOWN, decoded, past_numbers
from kvant.bitstream.entropy_models.integer_network import IntegerLinear, IntegerNetwork, Weights
from kvant.bitstream.entropy_models.neural import NeuralModel
from kvant.errors import ModelError

LEVELS, SIZE, DIM, FRAMES, HIDDEN = 3, 20, 4, 30, 12
ABSENT = -1


def layer(rng: np.random.Generator, inputs: int, outputs: int) -> Weights:
    weight = rng.integers(-127, 128, (outputs, inputs)).astype(np.int8)
    return Weights(weight, rng.integers(-9999, 9999, outputs).astype(np.int32), np.full(outputs, 7, np.uint8))


def layers(rng: np.random.Generator, name: str, *sizes: int) -> dict[str, np.ndarray]:
    pairs = [layer(rng, *pair) for pair in pairwise(sizes)]
    return {
        f"{name}.{index}.{part}": array for index, each in enumerate(pairs) for part, array in each._asdict().items()
    }


def small_model() -> dict[str, np.ndarray]:
    """The tensors of a model whose first two levels look at their own past, drawn at random."""
    rng = np.random.default_rng(0)
    found = {
        "vectors": rng.integers(-40, 41, (LEVELS, SIZE, DIM)).astype(np.int8),
        "offsets": np.array([[-3, -2, -1], [-1, 0, 1], [-1, 0, 1]], np.int8),
        "serial": np.array([True, True, False]),
        "weights": np.round(np.exp(-np.arange(1024) / 64) * 2**20 + 1).astype(np.int32),
    } | layers(rng, "depth", past_numbers(LEVELS), HIDDEN, LEVELS + 1)
    for level in range(LEVELS):
        found |= layers(rng, f"level.{level}", 3 * DIM + DEPTHS_KNOWN, HIDDEN, SIZE)
    return found


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    return small_model()


@pytest.fixture(scope="module")
def model(tensors: dict[str, np.ndarray]) -> NeuralModel:
    return NeuralModel(tensors, bytes(32))


@pytest.fixture(scope="module")
def block() -> tuple[np.ndarray, np.ndarray]:
    """Codes [K, T] and depths [T] of 0 to K."""
    rng = np.random.default_rng(1)
    depths = rng.integers(0, LEVELS + 1, FRAMES)
    codes = rng.integers(0, SIZE, (LEVELS, FRAMES))
    return np.where(np.arange(LEVELS)[:, None] < depths, codes, ABSENT), depths


@pytest.mark.parametrize(("bound", "kind"), [(255, np.float32), (255 << 12, np.float64)])
def test_sums_are_exact_in_every_order(bound: int, kind: type) -> None:
    """Float matrices against Python's integers, at the extreme inputs, with the inputs permuted, and one row alone."""
    rng = np.random.default_rng(2)
    weights = layer(rng, 300, 40)
    x = rng.choice([-bound, bound, bound - 1, 0], (16, 300))
    made = IntegerLinear(weights, np.full(300, bound))
    assert made._matrix.dtype == kind
    exact = [
        [(int(w) + 64 >> 7) for w in row] for row in x.astype(object) @ weights.weight.T.astype(object) + weights.bias
    ]
    assert made(x).tolist() == exact
    for _ in range(5):
        order = rng.permutation(300)
        permuted = IntegerLinear(Weights(weights.weight[:, order], *weights[1:]), np.full(300, bound))
        assert permuted(x[:, order]).tolist() == exact
        assert permuted(x[3:4, order]).tolist() == exact[3:4]


def test_bounds_are_those_of_the_worst_input() -> None:
    weights = layer(np.random.default_rng(3), 30, 5)
    worst = np.sign(weights.weight.astype(int)) * 255
    sums = (worst * weights.weight).sum(axis=1) + np.abs(weights.bias.astype(int) + 64)
    assert IntegerLinear(weights, np.full(30, 255)).largest == sums.max()
    with pytest.raises(ModelError, match="not exact"):
        IntegerLinear(weights, np.full(30, 2**50))


def test_activations_are_clipped_between_layers() -> None:
    one = Weights(np.array([[1], [-1]], np.int8), np.zeros(2, np.int32), np.zeros(2, np.uint8))
    add = Weights(np.array([[1, 1]], np.int8), np.zeros(1, np.int32), np.zeros(1, np.uint8))
    network = IntegerNetwork([one, add], np.full(1, 1000))
    assert network(np.array([[-1000], [-3], [0], [7], [1000]])).ravel().tolist() == [255, 3, 0, 7, 255]


def test_frequencies_are_whole_whatever_the_frames(model: NeuralModel, block: tuple[np.ndarray, np.ndarray]) -> None:
    codes, depths = block
    for level in range(LEVELS):
        frames = np.flatnonzero(depths > level)
        table = model.frequencies(level, codes, depths, frames)
        assert table.shape == (len(frames), SIZE)
        assert table.dtype == np.int64
        assert table.min() >= 1
        assert (table.sum(axis=1) == 1 << 16).all()
        assert len(np.unique(table, axis=0)) > len(frames) / 2  # it does look
        alone = [model.frequencies(level, codes, depths, frames[i : i + 1])[0] for i in range(len(frames))]
        np.testing.assert_array_equal(table, alone)
        np.testing.assert_array_equal(table[3:], model.frequencies(level, codes, depths, frames[3:]))


def test_no_level_looks_at_what_is_not_decoded_yet(model: NeuralModel, block: tuple[np.ndarray, np.ndarray]) -> None:
    """Other codes from the frame on (serial) or anywhere (not serial) in the level, and in finer ones, change none."""
    codes, depths = block
    rng = np.random.default_rng(4)
    for level in range(LEVELS):
        frames = np.flatnonzero(depths > level)
        table = model.frequencies(level, codes, depths, frames)
        changes = 0
        for row, frame in zip(table, frames):
            other = codes.copy()
            other[level + 1 :] = rng.integers(0, SIZE, other[level + 1 :].shape)
            other[level, frame if model.serial[level] else 0 :] = rng.integers(0, SIZE)
            np.testing.assert_array_equal(row, model.frequencies(level, other, depths, np.array([frame]))[0])
            other[: level + 1, :frame] = np.where(codes[: level + 1, :frame] < 0, ABSENT, 5)
            changes += not np.array_equal(row, model.frequencies(level, other, depths, np.array([frame]))[0])
        assert changes > len(frames) / 2 or not (level or model.serial[0])


def test_depths_are_told_by_those_before(model: NeuralModel, block: tuple[np.ndarray, np.ndarray]) -> None:
    depths = block[1]
    table = model.depth_frequencies(depths, range(FRAMES))
    assert table.shape == (FRAMES, LEVELS + 1)
    assert table.min() >= 1
    assert (table.sum(axis=1) == 1 << 16).all()
    assert len(np.unique(table, axis=0)) > FRAMES / 2
    for frame in range(FRAMES):
        later = depths.copy()
        later[frame:] = LEVELS - later[frame:]
        np.testing.assert_array_equal(model.depth_frequencies(later, range(frame, frame + 1))[0], table[frame])


def test_context_is_the_sum_of_vectors_that_are_known(block: tuple[np.ndarray, np.ndarray]) -> None:
    codes, _ = block
    rng = np.random.default_rng(5)
    tables = rng.integers(-9, 10, (LEVELS, SIZE + 1, DIM)).astype(np.int8)
    tables[:, -1] = 0
    frames = np.array([0, 7, FRAMES - 1])
    found = decoded(tables, 2, True, np.array([-2, 0, 1]), codes, frames).reshape(3, 3, DIM)
    for row, frame in zip(found, frames):
        for part, (offset, depth) in zip(row, [(-2, 3), (0, 2), (1, 2)]):
            place = frame + offset
            there = range(depth) if 0 <= place < FRAMES else ()
            expected = sum((tables[k, codes[k, place]].astype(int) for k in there), np.zeros(DIM, int))
            np.testing.assert_array_equal(part, expected)


def test_a_model_without_all_its_tensors_is_refused(tensors: dict[str, np.ndarray]) -> None:
    for missing in tensors:
        with pytest.raises(ModelError):
            NeuralModel({name: array for name, array in tensors.items() if name != missing}, bytes(32))
    with pytest.raises(ModelError):
        NeuralModel(tensors | {"depth.0.weight": tensors["depth.0.weight"][:, 1:]}, bytes(32))
    with pytest.raises(ModelError):
        NeuralModel(tensors | {"weights": tensors["weights"] * 0}, bytes(32))
