"""Additive uniform noise for rounding (Balle et al., 2017)."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class UniformNoise:
    """Noise as wide as a rounding `step` in place of rounding: z + step U(-1/2, 1/2); d out / d latents = I.

    Its variance, step^2 / 12, is that of the error of fine rounding. Each latent vector is given noise with
    `probability`, and is rounded with a straight-through gradient otherwise. No gradient reaches `quantized`.
    """

    step: float = 1.0
    probability: float = 1.0

    def __call__(self, latents: Tensor, quantized: Tensor) -> Tensor:
        """Value within step/2 of latents [..., D], or `quantized` [..., D]."""
        with torch.no_grad():
            offset = torch.rand_like(latents).sub_(0.5).mul_(self.step)
            if self.probability < 1:
                noisy = torch.rand_like(latents[..., :1]) < self.probability
                offset = torch.where(noisy, offset, quantized - latents)
        return latents + offset
