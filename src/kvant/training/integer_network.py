"""Training of integer networks: in floats, with weights and activations rounded as they will be, and then as integers.

The gradient of rounding is that of the identity (Bengio et al., 2013). What is trained is
`kvant.bitstream.entropy_models.integer_network`: each row of weights has a power of two of its own, the finest with
which it fits int8.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.bitstream.entropy_models.integer_network import ACTIVATION

INPUT, HIDDEN, LOGIT = 6, 4, 6
"""Of an input, an activation and a logit (in nat): 2^-n is the unit that is 1 as an integer."""


def rounded(x: Tensor) -> Tensor:
    """The integer floor(x + 1/2), with the gradient of x."""
    return x + (torch.floor(x + 0.5) - x).detach()


class RoundedLinear(nn.Linear):
    """A layer from inputs in units of 2^-before to outputs in units of 2^-after; not yet rounded itself."""

    def __init__(self, num_inputs: int, num_outputs: int, before: int, after: int) -> None:
        super().__init__(num_inputs, num_outputs)
        self.before, self.after = before, after

    def exponents(self) -> Tensor:
        """[out, 1]: the power of two that brings each row into int8, as long as its shift is one to the right."""
        largest = self.weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=1e-6)
        return torch.floor(torch.log2(127 / largest)).clamp(max(0, self.after - self.before), 12)

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.exp2(self.exponents())
        return F.linear(x, rounded((self.weight * scale).clamp(-127, 127)) / scale, self.bias)

    def tensors(self) -> dict[str, np.ndarray]:
        """weight, bias and shift as integers."""
        exponents = self.exponents().double()
        weight = torch.floor(self.weight.double() * torch.exp2(exponents) + 0.5).clamp(-127, 127)
        bias = torch.round(self.bias.double() * torch.exp2(exponents[:, 0] + self.before))
        shift = exponents[:, 0] + self.before - self.after
        parts = {"weight": (weight, np.int8), "bias": (bias, np.int32), "shift": (shift, np.uint8)}
        return {name: part.detach().numpy().astype(kind) for name, (part, kind) in parts.items()}


class RoundedNetwork(nn.Module):
    """integer features [n, in] -> logits [n, out] in nat, for training. sizes: in, those of hidden layers, out."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        units = (INPUT, *[HIDDEN] * (len(sizes) - 2), LOGIT)
        layers = [RoundedLinear(*shape, *unit) for shape, unit in zip(pairwise(sizes), pairwise(units))]
        self.layers: Sequence[RoundedLinear] = nn.ModuleList(layers)  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        x = x / 2**INPUT
        for layer in self.layers[:-1]:
            x = rounded(layer(x).clamp(0, ACTIVATION / 2**HIDDEN) * 2**HIDDEN) / 2**HIDDEN
        return self.layers[-1](x)

    def tensors(self, name: str) -> dict[str, np.ndarray]:
        """`name`.i.weight, .bias and .shift of each layer i."""
        return {
            f"{name}.{index}.{part}": array
            for index, layer in enumerate(self.layers)
            for part, array in layer.tensors().items()
        }
