"""Noise substitution in vector quantization, NSVQ (Vali and Backstrom, 2022)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def noise_substitution(latents: Tensor, quantized: Tensor) -> Tensor:
    """Latents plus noise as long as their error: z + |q - z| v, v in any direction (Vali and Backstrom, 2022).

    latents, quantized: [..., D]. With d = (q - z) / |q - z| and G the gradient at the output, dz = G - <G, v> d and
    dq = <G, v> d: the vectors learn from the task. The value is as far from z as q is, in any direction.
    """
    direction = F.normalize(torch.randn_like(latents), dim=-1)
    return torch.addcmul(latents, torch.linalg.vector_norm(quantized - latents, dim=-1, keepdim=True), direction)
