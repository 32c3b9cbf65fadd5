"""Items that go by the quantizer in training (Mimi: Defossez et al., 2024)."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Unquantized:
    """z for a `share` of the items, drawn anew at every call, and q for the others; d out / d latents = I for all.

    Whole items, so that the decoder learns from sequences of latents too, not from single ones among codes. Codebooks
    learn from all: they are told of codes, not of this. No gradient reaches `quantized`.
    """

    share: float = 0.5

    def __call__(self, latents: Tensor, quantized: Tensor) -> Tensor:
        """Value of latents [B, ..., D] or of `quantized` [B, ..., D], item by item."""
        with torch.no_grad():
            draw = torch.rand(latents.shape[0], *[1] * (latents.dim() - 1), device=latents.device)
            offset = torch.where(draw <= self.share, 0, quantized - latents)
        return latents + offset
