"""Codebooks: V vectors of d dimensions, how they learn, and the statistics that belong to them.

A codebook owns its invariant: whoever wants to move vectors from outside calls `replace`, which keeps vectors and
statistics together. (Where they were kept apart, revived codes were overwritten by the old averages within the same
forward pass, in EnCodec and four projects that copied it.)
"""

import torch
from torch import Tensor, nn

from kvant.quantizers.distributed import sum_over_ranks
from kvant.quantizers.kmeans import nearest

USAGE_DECAY = 0.95


class TrackedCodebook(nn.Module):
    """A codebook that counts its use: what both kinds below share. `usage`: running share of each code, 1 = uniform.

    `weight` [V, d] holds the vectors, as searched and as decoded; `statistics` names what only training needs.
    """

    weight: Tensor
    usage: Tensor
    steps: Tensor
    statistics: tuple[str, ...] = ("usage", "steps")

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.size, self.dim = size, dim
        self.register_buffer("usage", torch.ones(size))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    @property
    def vectors(self) -> Tensor:
        """[V, d]."""
        return self.weight

    def search(self, latents: Tensor) -> Tensor:
        """int64 [n]: the nearest code of each latent [n, d]."""
        return nearest(latents, self.weight.detach())

    def lookup(self, codes: Tensor) -> Tensor:
        """[..., d]: the vector of each code."""
        return nn.functional.embedding(codes, self.weight)

    def losses(self, latents: Tensor, quantized: Tensor) -> dict[str, Tensor]:
        """What moves the vectors by gradient, if anything does. latents, quantized: [n, d]."""
        return {}

    @torch.no_grad()
    def replace(self, mask: Tensor, vectors: Tensor) -> None:
        """Put vectors [sum(mask), d] where mask [V] is true, with the statistics of an average code."""
        self.weight[mask] = vectors
        self.usage[mask] = 1

    @torch.no_grad()
    def update(self, latents: Tensor, codes: Tensor) -> None:
        """Count one training step: latents [n, d] were given codes [n]. Statistics are the same on every rank."""
        counts = sum_over_ranks(torch.bincount(codes, minlength=self.size).to(self.usage.dtype))
        share = counts / counts.sum().clamp(min=1) * self.size
        self.usage.lerp_(share, 1 - USAGE_DECAY)
        self.steps += 1


class LearnedCodebook(TrackedCodebook):
    """Vectors moved by the gradient of the codebook loss |sg(z) - e|^2 (van den Oord et al., 2017, eq. 3).

    Give its parameters no weight decay: decay and momentum would move codes that nobody uses.
    """

    def __init__(self, size: int, dim: int) -> None:
        super().__init__(size, dim)
        self.weight = nn.Parameter(torch.randn(size, dim))

    def losses(self, latents: Tensor, quantized: Tensor) -> dict[str, Tensor]:
        """`codebook`: mean squared error that moves the vectors alone. latents, quantized: [n, d]."""
        return {"codebook": (quantized - latents.detach()).square().mean()}


class EMACodebook(TrackedCodebook):
    """Vectors that are running means of the latents they win (van den Oord et al., 2017, appendix A.1).

    n <- g n + (1 - g) counts, s <- g s + (1 - g) sums, e = s / n, with decay g.
    """

    counts: Tensor
    sums: Tensor
    statistics = (*TrackedCodebook.statistics, "counts", "sums")

    def __init__(self, size: int, dim: int, decay: float = 0.99) -> None:
        super().__init__(size, dim)
        self.decay = decay
        self.register_buffer("weight", torch.randn(size, dim))
        self.register_buffer("counts", torch.ones(size))
        self.register_buffer("sums", self.weight.clone())

    @torch.no_grad()
    def update(self, latents: Tensor, codes: Tensor) -> None:
        super().update(latents, codes)
        counts = sum_over_ranks(torch.bincount(codes, minlength=self.size).to(self.counts.dtype))
        sums = sum_over_ranks(torch.zeros_like(self.sums).index_add_(0, codes, latents.detach()))
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        # A code nobody uses fades towards 0/0: it keeps its vector, and a trace of weight that a new member outweighs.
        faded = self.counts < 1e-4
        self.counts[faded] = 1e-4
        self.sums[faded] = self.weight[faded] * 1e-4
        self.weight.copy_(self.sums / self.counts[:, None])

    @torch.no_grad()
    def replace(self, mask: Tensor, vectors: Tensor) -> None:
        super().replace(mask, vectors)
        weight = self.counts.mean()
        self.counts[mask] = weight
        self.sums[mask] = vectors * weight
