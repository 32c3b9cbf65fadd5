"""Synchronized update of vectors and encoder (Huh et al., 2023)."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Synchronized:
    """Straight-through for the encoder, and `nu` times as much for the vectors: z + sg(q - z) + nu (q - sg(q)).

    With G the gradient at the output, dz = G and dq = nu G, so that vectors go where the task sends the latents they
    stand for, in the same step instead of one behind it.
    """

    nu: float = 0.2

    def __call__(self, latents: Tensor, quantized: Tensor) -> Tensor:
        """Value of `quantized`. latents, quantized: [..., D]."""
        fixed = quantized.detach()
        return latents + (fixed - latents.detach()) + self.nu * (quantized - fixed)
