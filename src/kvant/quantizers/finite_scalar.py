"""Scalar quantizers: every channel is rounded by itself, and the digits of all channels make one code."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from kvant.protocols import GradientEstimator, Quantized
from kvant.quantizers.depth import depths_of, levels_of, used
from kvant.quantizers.estimated import estimated
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.multi_stage import MultiStageQuantizer
from kvant.quantizers.projected import ProjectedQuantizer, Scale


class UniformScalarQuantizer(nn.Module):
    """L_i cells of equal width tile [-1, 1] in channel i: the value is the middle of the cell, (2 g + 1 - L) / L.

    levels: L_i >= 2, one for each of the d channels. The code is sum of g_i L_1 ... L_{i-1}, below the product of all.
    Digits and estimator work in grid units, where neighbours are 1 apart in every channel: `UniformNoise(step=1)` is
    dithered quantization, whatever the levels. The gradient is the estimator's, and zero beyond [-1, 1].
    """

    levels: Tensor
    places: Tensor

    def __init__(self, levels: Sequence[int], gradient: GradientEstimator = straight_through) -> None:
        super().__init__()
        self.gradient = gradient
        self.codebook_sizes: tuple[int, ...] = (prod(levels),)
        places = [prod(levels[:channel]) for channel in range(len(levels))]
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("places", torch.tensor(places), persistent=False)

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """Quantize with gradient; no losses, since there is nothing to keep alive. num_codebooks: 1, or [B] of 0, 1."""
        depths, _ = depths_of(num_codebooks, latents, 1)
        grid = self.bounded(latents.transpose(1, 2))
        digits = self.rounded(grid)
        values = self.values(estimated(self.gradient, grid, digits, self.training))
        return Quantized(used(depths, values).transpose(1, 2), self.codes(digits), {})

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Codes int64 [B, 1, T] of latents [B, d, T]."""
        levels_of(num_codebooks, 1)
        return self.codes(self.rounded(self.bounded(latents.transpose(1, 2))))

    def decode(self, codes: Tensor) -> Tensor:
        """Latents [B, d, T] of codes [B, 1, T]."""
        digits = codes[:, 0, :, None] // self.places % self.levels
        return self.values(digits.to(torch.get_default_dtype())).transpose(1, 2)

    def bounded(self, latents: Tensor) -> Tensor:
        """Latents [..., d] in grid units, from -1/2 to L - 1/2."""
        return (latents.clamp(-1, 1) + 1) * (self.levels / 2) - 0.5

    def values(self, grid: Tensor) -> Tensor:
        """What grid units [..., d] mean."""
        return (2 * grid + 1 - self.levels) / self.levels

    def rounded(self, grid: Tensor) -> Tensor:
        """Digits 0 .. L - 1, [..., d], as floats."""
        return torch.minimum(grid.detach().round().clamp(min=0), (self.levels - 1).to(grid.dtype))

    def codes(self, digits: Tensor) -> Tensor:
        """int64 [B, 1, T] of digits [B, T, d]."""
        return (digits.long() * self.places).sum(-1)[:, None]


class FiniteScalarQuantizer(UniformScalarQuantizer):
    """Finite scalar quantization (FSQ; Mentzer et al., 2023, section 3.1): bounded by tanh, then rounded.

    Channel i takes the L_i integers around zero, divided by floor(L_i / 2): for odd L from -1 to 1, for even L from -1
    to 1 - 2/L. Even ones need the half shift, f(z) = (L - 1)/2 tanh(z + s) - 1/2 with f(0) = 0, or rounding would give
    L + 1 values. L of 5 and more are advised. The gradient is the estimator's times the slope of tanh.
    """

    reach: Tensor
    shift: Tensor
    middle: Tensor

    def __init__(self, levels: Sequence[int], gradient: GradientEstimator = straight_through) -> None:
        super().__init__(levels, gradient)
        even = (self.levels % 2 == 0) / 2
        reach = (self.levels - 1) / 2 * (1 + 1e-3)  # a little more, so that atanh stays finite for L = 2
        self.register_buffer("reach", reach, persistent=False)
        self.register_buffer("shift", torch.atanh(even / reach), persistent=False)
        self.register_buffer("middle", self.levels // 2 - even, persistent=False)

    def bounded(self, latents: Tensor) -> Tensor:
        return torch.tanh(latents + self.shift) * self.reach + self.middle

    def values(self, grid: Tensor) -> Tensor:
        middle = self.levels // 2
        return (grid - middle) / middle


def residual_scalar(
    levels: Sequence[int], num_codebooks: int, gradient: GradientEstimator = straight_through
) -> ProjectedQuantizer:
    """Residual finite scalar quantization: K codes, each refining the cells of the last by L_i in channel i.

    Bounded once, by tanh; then stage k quantizes residuals uniformly at the scale L^-k, where they fill [-1, 1]. So
    codes are the digits, in base L, of one uniform quantizer of L^K cells, and the error is at most L^-K. (FSQ's own
    grid has no such scale: its outermost cells are half as wide inside [-1, 1], and off centre for even L; and a tanh
    on every residual would bend what is already bounded.)
    """
    stages = []
    for level in range(num_codebooks):
        finer, coarser = ([float(each) ** (sign * level) for each in levels] for sign in (1, -1))
        stages.append(ProjectedQuantizer(UniformScalarQuantizer(levels, gradient), Scale(*finer), Scale(*coarser)))
    return ProjectedQuantizer(MultiStageQuantizer(stages), nn.Tanh(), nn.Identity())
