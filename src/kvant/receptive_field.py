"""Receptive fields: which inputs an output depends on, computed through any composition of layers."""

from fractions import Fraction
from functools import reduce
from math import ceil, floor, inf, isinf
from typing import NamedTuple, Protocol, runtime_checkable

from torch import nn


class ReceptiveField(NamedTuple):
    """Output i depends on no inputs but those from i * stride - left to i * stride + right, ends included.

    All three in inputs, as exact fractions. stride: inputs for each output, 2 where the rate is halved, 1/4 where it is
    four times the input's. left or right of a part that hears everything on that side is math.inf.
    """

    left: Fraction | float = Fraction(0)
    right: Fraction | float = Fraction(0)
    stride: Fraction = Fraction(1)

    def then(self, following: "ReceptiveField") -> "ReceptiveField":
        """Of a part with this field and a second behind it, whose inputs are the outputs of the first."""
        return ReceptiveField(
            self.left + following.left * self.stride,
            self.right + following.right * self.stride,
            self.stride * following.stride,
        )

    def beside(self, other: "ReceptiveField") -> "ReceptiveField":
        """Of the sum of two parts with the same input. ValueError: their strides differ."""
        if self.stride != other.stride:
            raise ValueError(f"strides {self.stride} and {other.stride}: parts side by side need the same")
        return ReceptiveField(max(self.left, other.left), max(self.right, other.right), self.stride)

    def overlap(self, stretch: int) -> tuple[float, float]:
        """(before, behind): stretches that the outputs of one depend on besides itself; infinite, if on all there are.

        stretch: inputs that are a whole number of outputs. The first output of a stretch reads floor(left) before it;
        the last reads `right` beyond its own input at stretch - stride, and there are stretch - 1.
        """
        before, behind = self.left, self.right - self.stride
        return (
            inf if isinf(before) else max(ceil(floor(before) / stretch), 0),
            inf if isinf(behind) else max(ceil((floor(behind) + 1) / stretch), 0),
        )


@runtime_checkable
class Declared(Protocol):
    """A part that says its receptive field itself."""

    @property
    def receptive_field(self) -> ReceptiveField: ...


POINTWISE = (nn.Tanh, nn.Identity)


def receptive_field(module: nn.Module) -> ReceptiveField:
    """The field of a module: as it declares, or computed, if it is a convolution or a sequence.

    With kernel k, dilation d, stride s and padding p, a convolution reads x[i s - p + d j], 0 <= j < k; a transposed
    one adds w[j] x[n] to output i = n s - p + d j, so that n = (i + p - d j) / s. TypeError: nobody knows.
    """
    if isinstance(module, Declared):
        return module.receptive_field
    if isinstance(module, nn.Sequential):
        return reduce(ReceptiveField.then, map(receptive_field, module), ReceptiveField())
    if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
        (kernel,), (dilation,), (stride,) = module.kernel_size, module.dilation, module.stride
        padding = int(module.padding[0])
        reach = dilation * (kernel - 1)
        if isinstance(module, nn.Conv1d):
            return ReceptiveField(Fraction(padding), Fraction(reach - padding), Fraction(stride))
        return ReceptiveField(Fraction(reach - padding, stride), Fraction(padding, stride), Fraction(1, stride))
    if isinstance(module, POINTWISE):
        return ReceptiveField()
    raise TypeError(f"{type(module).__name__}: its receptive field is not known; give it a `receptive_field`")
