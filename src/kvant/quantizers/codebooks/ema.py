"""Vectors that are running means (van den Oord et al., 2017, appendix A.1)."""

import torch
from torch import Tensor

from kvant.quantizers.codebooks.tracked import TrackedCodebook
from kvant.quantizers.distributed import sum_over_ranks

TRACE = 1e-4


class EMACodebook(TrackedCodebook):
    """Vectors that are running means of the latents they win (van den Oord et al., 2017, appendix A.1).

    n <- g n + (1 - g) counts, s <- g s + (1 - g) sums, e = s / n, with decay g.

    Counts are not smoothed as Laplace would, n' = (n + c) N / (N + V c) with N = sum n: e = s / n' draws each vector
    towards zero by the factor n / n', which is nothing for a code in use and everything for one that fades. A code that
    nobody uses keeps its vector instead.
    """

    counts: Tensor
    sums: Tensor
    running = (*TrackedCodebook.running, "counts", "sums")

    def __init__(self, size: int, dim: int, decay: float = 0.99) -> None:
        super().__init__(size, dim)
        self.decay = decay
        vectors = self.admit(torch.randn(size, dim))
        self.register_buffer("weight", vectors)
        self.register_buffer("counts", torch.ones(size))
        self.register_buffer("sums", vectors.clone())

    def follow(self, latents: Tensor, codes: Tensor, counts: Tensor) -> None:
        """The running means, one step on."""
        rows = self.admit(latents.to(self.sums.dtype))
        sums = sum_over_ranks(torch.zeros_like(self.sums).index_add_(0, codes, rows))
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        # What fades towards 0/0 keeps its vector, and a trace of weight that a new member outweighs.
        faded = self.counts < TRACE
        self.counts[faded] = TRACE
        self.sums[faded] = self.weight[faded].to(self.sums.dtype) * TRACE
        self.weight.copy_(self.admit(self.sums / self.counts[:, None]))

    @torch.no_grad()
    def replace(self, mask: Tensor, vectors: Tensor, usage: Tensor | float = 1.0) -> None:
        super().replace(mask, vectors, usage)
        count = self.counts.mean()
        self.counts[mask] = count
        self.sums[mask] = self.admit(vectors).to(self.sums.dtype) * count
