"""Start codebooks at the cluster centres of the first latents (SoundStream, section III-C)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kvant.protocols import Codebook
from kvant.quantizers.distributed import gather_rows
from kvant.quantizers.kmeans import kmeans


@dataclass(frozen=True)
class KMeansInit:
    """At a codebook's first training step, replace all its vectors by k-means centres of the latents [n, d].

    warm_up: the step at which it does so again, for an encoder that has found its range by then; 0 is never.

    n latents are no more than n centres. A codebook of V > n codes is filled over V / n successive steps, n codes each
    with the latents of its own step: in many dimensions codes as dense as latents are nearly as good as clusters, and
    the alternative, V copies of n latents, is a codebook of n. Where it has got to is the codebook's `started`, which
    goes on counting when it does so again: neither a resumed run starts over, nor one whose vectors were loaded.
    """

    iterations: int = 10
    warm_up: int = 0

    def __call__(self, codebook: Codebook, latents: Tensor) -> None:
        step = int(codebook.steps)
        before = codebook.size if 0 < self.warm_up <= step else 0  # set by the start before this one
        first = max(int(codebook.started) - before, 0)
        if first >= codebook.size:
            return
        rows = gather_rows(latents)
        last = min(first + len(rows), codebook.size)
        if first == last:
            return
        mask = torch.zeros(codebook.size, dtype=torch.bool, device=latents.device)
        mask[first:last] = True
        codebook.replace(mask, kmeans(rows, last - first, self.iterations, torch.Generator().manual_seed(step)))
        codebook.started.fill_(before + last)
