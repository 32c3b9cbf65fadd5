"""Start codebooks at the cluster centres of the first latents (SoundStream, section III-C)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kvant.protocols import Codebook
from kvant.quantizers.distributed import gather_rows, sum_over_ranks
from kvant.quantizers.kmeans import kmeans


@dataclass(frozen=True)
class KMeansInit:
    """At a codebook's first training step, replace all its vectors by k-means centres of the latents [n, d].

    warm_up: the step at which it does so again, for an encoder that has found its range by then; 0 is never.

    n latents are no more than n centres. A codebook of V > n codes is filled over V / n successive steps, n codes each
    with the latents of its own step: in many dimensions codes as dense as latents are nearly as good as clusters, and
    the alternative, V copies of n latents, is a codebook of n. Where it has got to is the codebook's step count, so a
    resumed run does not start over.
    """

    iterations: int = 10
    warm_up: int = 0

    def __call__(self, codebook: Codebook, latents: Tensor) -> None:
        steps = int(codebook.steps)
        step = steps - self.warm_up if steps >= self.warm_up else steps
        if step >= codebook.size:
            return
        count = int(sum_over_ranks(torch.tensor(len(latents), device=latents.device)))
        first = step * count
        if first >= codebook.size or count == 0:
            return
        mask = torch.zeros(codebook.size, dtype=torch.bool, device=latents.device)
        mask[first : first + count] = True
        generator = torch.Generator(latents.device).manual_seed(step)
        centres = kmeans(gather_rows(latents), int(mask.sum()), self.iterations, generator)
        codebook.replace(mask, centres)
