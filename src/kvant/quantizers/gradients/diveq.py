"""DiVeQ: differentiable vector quantization by reparameterization (Vali, Backstrom and Solin, 2026)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class DiVeQ:
    """z + |q - z| sg(u), u the direction of q - z with noise of deviation `sigma` added (Vali et al., 2026).

    With d = (q - z) / |q - z| and G the gradient at the output, dz = G - <G, u> d and dq = <G, u> d. For sigma = 0 the
    value is q, and the gradient is divided: what lies along d moves the vectors, what is orthogonal to it the encoder.
    A small sigma, in the unit of the latents, sets the value sigma sqrt(D - 1) beside q.
    """

    sigma: float = 1e-3

    def __call__(self, latents: Tensor, quantized: Tensor) -> Tensor:
        """Value about `quantized`. latents, quantized: [..., D]."""
        error = quantized - latents
        direction = error.detach()
        if self.sigma:
            direction = torch.randn_like(direction).mul_(self.sigma).add_(direction)
        length = torch.linalg.vector_norm(error, dim=-1, keepdim=True)
        return torch.addcmul(latents, length, F.normalize(direction, dim=-1))
