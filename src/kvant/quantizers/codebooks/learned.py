"""Vectors moved by gradient (van den Oord et al., 2017)."""

import torch
from torch import Tensor, nn

from kvant.quantizers.codebooks.tracked import TrackedCodebook


def codebook_loss(latents: Tensor, quantized: Tensor) -> Tensor:
    """|sg(z) - e|^2, mean over latents and dimensions: moves the vectors alone. latents, quantized: [n, d]."""
    return (quantized - latents.detach()).square().mean()


class LearnedCodebook(TrackedCodebook):
    """Vectors moved by the gradient of the codebook loss |sg(z) - e|^2 (van den Oord et al., 2017, eq. 3).

    Give its parameters no weight decay: decay and momentum would move codes that nobody uses.
    """

    def __init__(self, size: int, dim: int) -> None:
        super().__init__(size, dim)
        self.weight = nn.Parameter(torch.randn(size, dim))

    def losses(self, latents: Tensor, quantized: Tensor) -> dict[str, Tensor]:
        """`codebook`: mean squared error that moves the vectors alone. latents, quantized: [n, d]."""
        return {"codebook": codebook_loss(latents, quantized)}
