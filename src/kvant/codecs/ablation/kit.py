"""What a quantizer of an ablation is built of, and the pieces that arrangements share."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from kvant.protocols import GradientEstimator, Penalty, Quantizer, Relaxation, Remedy
from kvant.quantizers import ProjectedQuantizer, ResidualQuantizer, TrackedCodebook, VectorQuantizer
from kvant.quantizers.gradients import Annealed
from kvant.quantizers.projected import UnitNorm


@dataclass(frozen=True)
class Kit:
    """What a quantizer is built of. dim: D of the latents. levels: K. size: V. codebook: (size, dim) -> a new one."""

    dim: int
    levels: int
    size: int
    codebook: Callable[[int, int], TrackedCodebook]
    gradient: GradientEstimator
    relaxation: Relaxation | Annealed
    remedies: tuple[Remedy, ...]
    penalties: tuple[Penalty, ...]

    def vector(self, dim: int) -> VectorQuantizer:
        """One codebook of `dim` dimensions."""
        return VectorQuantizer(self.codebook(self.size, dim), self.gradient, self.remedies, self.penalties)

    def residual(self, dim: int, levels: int) -> ResidualQuantizer:
        """`levels` codebooks of `dim` dimensions."""
        books = [self.codebook(self.size, dim) for _ in range(levels)]
        return ResidualQuantizer(books, self.gradient, self.remedies, self.penalties)

    def projected(self, quantizer: Quantizer, dim: int, stage: int = 0, unit: bool = False) -> ProjectedQuantizer:
        """`quantizer` of `dim` dimensions between two projections.

        They start at `dim` dimensions of the latents, each stage's behind those of the last: latents in closed form are
        ordered by variance, so that these are the ones to begin with. unit: what is projected is brought to length 1.
        """
        into, out = nn.Conv1d(self.dim, dim, 1, bias=False), nn.Conv1d(dim, self.dim, 1, bias=False)
        chosen = nn.functional.one_hot((torch.arange(dim) + stage * dim) % self.dim, self.dim).float()
        into.weight.data.copy_(chosen[..., None])
        out.weight.data.copy_(chosen.T[..., None])
        return ProjectedQuantizer(quantizer, nn.Sequential(into, UnitNorm()) if unit else into, out)
