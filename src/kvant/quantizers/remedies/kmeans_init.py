"""Start codebooks at the cluster centres of the first batch (SoundStream, section III-C)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kvant.protocols import Codebook
from kvant.quantizers.distributed import gather_rows
from kvant.quantizers.kmeans import kmeans


@dataclass(frozen=True)
class KMeansInit:
    """On a codebook's first training step, replace all its vectors by k-means centres of the latents [n, d].

    Whether it has run is the codebook's step count, so a resumed run does not start over.
    """

    iterations: int = 10

    def __call__(self, codebook: Codebook, latents: Tensor) -> None:
        if codebook.steps > 0:
            return
        generator = torch.Generator(latents.device).manual_seed(0)
        centres = kmeans(gather_rows(latents), codebook.size, self.iterations, generator)
        codebook.replace(torch.ones(codebook.size, dtype=torch.bool, device=latents.device), centres)
