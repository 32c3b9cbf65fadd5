"""A quantizer in another space than the latents': factorised codes (Yu et al., 2022; Kumar et al., 2023)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.protocols import Quantized, Quantizer
from kvant.quantizers.beam import check_beam
from kvant.quantizers.depth import levels_of, used
from kvant.quantizers.slots import search_part


class ProjectedQuantizer(nn.Module):
    """Latents [B, D, T] -> into -> [B, d, T] -> quantizer -> out -> [B, D, T]; codes are the quantizer's.

    With few dimensions d (8 in DAC) every vector of a large codebook is used; with `UnitNorm` last in `into`, search is
    by angle, and a codebook of unit vectors is what it searches. Losses compare in the projected space. The gradient of
    the latents is out' J into', where J is the quantizer's: not the identity, so that stages of these belong into a
    MultiStageQuantizer. into, out: what acts on each frame alone, such as FrameLinear(D, d).
    """

    def __init__(self, quantizer: Quantizer, into: nn.Module, out: nn.Module) -> None:
        super().__init__()
        self.quantizer = quantizer
        self.into, self.out = into, out
        self.codebook_sizes = quantizer.codebook_sizes

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """Quantize with gradient, to a number of codes or int64 [B]; items of depth 0 have zero latents."""
        result = self.quantizer(self.into(latents), num_codebooks)
        quantized = self.out(result.latents)
        if isinstance(num_codebooks, Tensor):
            quantized = used(num_codebooks, quantized)
        return Quantized(quantized, result.codes, result.losses)

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Codes int64 [B, K, T] of latents [B, D, T]."""
        return self.quantizer.encode(self.into(latents), num_codebooks)

    def search(self, latents: Tensor, num_codebooks: int | None, beam: int) -> Tensor:
        """Codes [B, K, T] that are nearest in the projected space, as far as the beam sees."""
        check_beam(beam)
        levels = levels_of(num_codebooks, len(self.codebook_sizes))
        return search_part(self.quantizer, self.into(latents), levels, beam)

    def decode(self, codes: Tensor) -> Tensor:
        """Latents [B, D, T] of codes [B, k, T]."""
        return self.out(self.quantizer.decode(codes))


class FrameLinear(nn.Linear):
    """A linear layer of every frame: latents [B, D, T] -> [B, d, T], as a convolution of one tap, and faster."""

    def forward(self, latents: Tensor) -> Tensor:
        weight = self.weight.expand(latents.shape[0], -1, -1)
        if self.bias is None:
            return torch.bmm(weight, latents)
        return torch.baddbmm(self.bias[:, None], weight, latents)


class UnitNorm(nn.Module):
    """Latents [B, d, T] of norm 1: x / |x|; its gradient has no part along x."""

    def forward(self, latents: Tensor) -> Tensor:
        return F.normalize(latents, dim=1)


class Scale(nn.Module):
    """Latents [B, d, T] times a constant, one for all channels or one each."""

    factors: Tensor

    def __init__(self, *factors: float) -> None:
        super().__init__()
        self.register_buffer("factors", Tensor(factors)[:, None], persistent=False)

    def forward(self, latents: Tensor) -> Tensor:
        return latents * self.factors
