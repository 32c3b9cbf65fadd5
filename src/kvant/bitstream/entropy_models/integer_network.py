"""Small networks in integers: the same outputs on every machine, in whatever order sums are taken.

Weights are int8, activations 0 to 255, and each output has a shift of its own:

    y = floor((W x + b) / 2^shift + 1/2),

so nothing is ever rounded that was not an integer over a power of two. Products and sums go through floating-point
matrix multiplication, which is exact here: every sum of some of the products, in any order and with or without fused
multiply-add, is an integer no larger than sum |W| max |x| + |b|, and integers below 2^24 (float32) or 2^53 (float64)
are exact. The smaller type that suffices is chosen when a layer is made, and a layer that no type suffices for is
refused.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kvant.errors import ModelError

ACTIVATION = 255
"""The largest activation."""


class Weights(NamedTuple):
    """weight int8 [out, in], bias int32 [out], shift uint8 [out], of one layer."""

    weight: np.ndarray
    bias: np.ndarray
    shift: np.ndarray


class IntegerLinear:
    """x [n, in] -> y [n, out], integers in floats. bounds [in]: the largest magnitude that each input ever has.

    ModelError: weights of other types or shapes, or sums too large to be exact.
    """

    def __init__(self, weights: Weights, bounds: np.ndarray) -> None:
        weight, bias, shift = weights
        kinds = (weight.dtype, bias.dtype, shift.dtype)
        shapes = (weight.shape, bias.shape, shift.shape)
        if kinds != (np.int8, np.int32, np.uint8) or shapes != ((len(bias), len(bounds)), bias.shape, bias.shape):
            raise ModelError(f"a layer for {len(bounds)} inputs has weights {kinds} of shapes {shapes}")
        rounded = bias.astype(np.int64) + (1 << np.maximum(shift.astype(np.int64), 1) >> 1) * (shift > 0)
        self.largest = int((np.abs(weight.astype(np.int64)) @ bounds + np.abs(rounded)).max())
        if self.largest >= 2**53 or shift.max() > 24:
            raise ModelError(f"sums of up to {self.largest} in a layer of an entropy model are not exact in any float")
        kind = np.float32 if self.largest < 2**24 else np.float64
        self._matrix = np.ascontiguousarray(weight.T, dtype=kind)
        self._rounded = rounded.astype(kind)
        self._scale = np.ldexp(np.ones(len(shift)), -shift.astype(np.int64)).astype(kind)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        y = x.astype(self._matrix.dtype, copy=False) @ self._matrix
        y += self._rounded
        y *= self._scale
        return np.floor(y, out=y)


class IntegerNetwork:
    """Layers with activations min(max(y, 0), 255) between them: integers [n, in] -> integers [n, out], in floats.

    bounds: as for `IntegerLinear`, of the network's inputs.
    """

    def __init__(self, layers: Sequence[Weights], bounds: np.ndarray) -> None:
        self.layers = []
        for weights in layers:
            self.layers.append(IntegerLinear(weights, bounds))
            bounds = np.full(len(weights.bias), ACTIVATION)
        self.num_outputs = len(bounds)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        for layer in self.layers[:-1]:
            x = layer(x)
            np.clip(x, 0, ACTIVATION, out=x)
        return self.layers[-1](x)
