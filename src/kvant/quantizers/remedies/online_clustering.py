"""Codes drawn to latents, the more the less they are used (CVQ-VAE: Zheng and Vedaldi, 2023)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kvant.protocols import Codebook
from kvant.quantizers.distributed import gather_rows
from kvant.quantizers.remedies.selection import distinct, least_used

NEGLIGIBLE = 1e-3


@dataclass(frozen=True)
class OnlineClustering:
    """At every step, e_k <- (1 - a_k) e_k + a_k z_k with a_k = exp(-sharpness u_k) (Zheng and Vedaldi, 2023, eq. 5-6).

    u_k: the code's running usage, 1 = uniform. z_k: its anchor. The paper's sharpness is 10 / (1 - g) at g = 0.99: what
    is used at a hundredth of the uniform rate moves by 5e-5, what is not used at all goes the whole way, and wins its
    anchor in the same step. A move changes no usage, so it goes on until the code is used.

    Of the paper's ways to draw anchors this is the random one, without repeats: a batch moves at most as many codes as
    it has latents, the least used first.
    """

    sharpness: float = 1000.0

    def __call__(self, codebook: Codebook, latents: Tensor) -> None:
        step = int(codebook.steps)
        if step == 0:
            return
        pull = torch.exp(-self.sharpness * codebook.usage)
        moved = pull > NEGLIGIBLE
        if not moved.any():
            return
        latents = gather_rows(latents)
        moved = least_used(codebook.usage, moved, len(latents))
        anchors = distinct(latents, int(moved.sum()), step)
        vectors = torch.lerp(codebook.vectors.detach()[moved], anchors, pull[moved, None])
        codebook.replace(moved, vectors, codebook.usage[moved])
