"""An entropy model that learnt: a small integer network for each level, and one for depths."""

from collections.abc import Mapping

import numpy as np

from kvant.bitstream.entropy_models.context import DEPTH, DEPTHS_KNOWN, INSIDE, decoded, past_depths, past_numbers, told
from kvant.bitstream.entropy_models.integer_network import IntegerNetwork, Weights
from kvant.bitstream.range_coder import TOTAL
from kvant.errors import ModelError

MAX_WEIGHT = 1 << 24
"""Of a symbol before its share is taken: with 2^15 of them, products with 2^16 stay below 2^55."""


class NeuralModel:
    """An `EntropyModel` of tensors, by name:

    vectors int8 [K, V, D]: what codes decode to, rounded. offsets int8 [K, m]: frames that each level looks at,
    ascending; serial bool [K]: whether it looks at its own past as well. level.k.i.weight, .bias, .shift, and
    depth.i.weight, .bias, .shift: layers as of `Weights`, the last of which gives logits in units of 1/64 nat.
    weights int32 [n]: what a symbol weighs whose logit is 0, 1, 2 ... below the highest; beyond, as the last.

    digest: what a stream names the tensors by. ModelError: tensors missing, or not fit for each other.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray], digest: bytes) -> None:
        self.digest = digest
        try:
            vectors, offsets, serial = tensors["vectors"], tensors["offsets"], tensors["serial"]
            levels, size, dim = vectors.shape
            self.codebook_sizes = (size,) * levels
            self.serial = tuple(map(bool, serial.tolist()))
            self._offsets = offsets.astype(np.int64)
            self._tables = np.concatenate([vectors, np.zeros((levels, 1, dim), np.int8)], axis=1)
            self._weights = tensors["weights"].astype(np.int64)
            depths = np.full(past_numbers(levels), max(DEPTH * levels, INSIDE))
            self._depth = IntegerNetwork(_layers(tensors, "depth"), depths)
            largest = np.abs(vectors.astype(np.int64)).max(axis=1).cumsum(axis=0)  # [K, D], of sums of levels
            told_bounds = np.full(DEPTHS_KNOWN, max(DEPTH * levels, INSIDE))
            self._levels = [
                IntegerNetwork(
                    _layers(tensors, f"level.{level}"),
                    np.concatenate([*[largest[level]] * offsets.shape[1], told_bounds]),
                )
                for level in range(levels)
            ]
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise ModelError(f"an entropy model lacks or garbles {error}; train or fetch it again") from error
        outputs = [self._depth.num_outputs, *(network.num_outputs for network in self._levels)]
        if outputs != [levels + 1, *self.codebook_sizes] or not size < TOTAL // 2:
            raise ModelError(f"an entropy model's networks tell apart {outputs} symbols of {levels} levels of {size}")
        if self._weights.min() < 1 or self._weights.max() > MAX_WEIGHT:
            raise ModelError("an entropy model's symbols weigh 0 or too much; train or fetch it again")

    def depth_frequencies(self, depths: np.ndarray, frames: range) -> np.ndarray:
        """[n, K + 1] of the depth of each of `frames`, given depths[:t]."""
        return self._shares(self._depth(past_depths(depths, np.asarray(frames), len(self.serial))))

    def frequencies(self, level: int, codes: np.ndarray, depths: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """[n, V] of codes[level, t] for the t in `frames`, given all depths, codes[:level], and if serial its past."""
        known = decoded(self._tables, level, self.serial[level], self._offsets[level], codes, frames)
        return self._shares(self._levels[level](np.concatenate([known, told(depths, frames)], axis=1)))

    def _shares(self, logits: np.ndarray) -> np.ndarray:
        """int64 [n, V] >= 1 with sums 2^16: 1 + floor of the share of what 2^16 - V leave; what floors leave over goes
        to the likeliest, of equal ones to the first."""
        below = np.minimum(logits.max(axis=1, keepdims=True) - logits, len(self._weights) - 1)
        weights = self._weights[below.astype(np.int64)]
        size = logits.shape[1]
        shares = 1 + weights * (TOTAL - size) // weights.sum(axis=1, keepdims=True)
        shares[np.arange(len(shares)), weights.argmax(axis=1)] += TOTAL - shares.sum(axis=1)
        return shares


def _layers(tensors: Mapping[str, np.ndarray], name: str) -> list[Weights]:
    count = sum(key.startswith(f"{name}.") and key.endswith(".weight") for key in tensors)
    if not count:
        raise KeyError(f"{name}.0.weight")
    return [Weights(*(tensors[f"{name}.{layer}.{part}"] for part in Weights._fields)) for layer in range(count)]
