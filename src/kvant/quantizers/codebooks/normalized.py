"""Vectors on the unit sphere (Yu et al., 2022, ViT-VQGAN): learned, or running means."""

import torch
from torch import Tensor, nn

from kvant.quantizers.codebooks.ema import EMACodebook
from kvant.quantizers.codebooks.parametrized import ParametrizedCodebook


def unit(vectors: Tensor) -> Tensor:
    """vectors [..., d] at length 1; what has no direction gets that of the first axis."""
    norms = vectors.norm(dim=-1, keepdim=True)
    axis = nn.functional.one_hot(torch.zeros((), dtype=torch.int64, device=vectors.device), vectors.shape[-1])
    return torch.where(norms > 1e-12, vectors / norms.clamp(min=1e-12), axis.to(vectors.dtype))


class NormalizedCodebook(ParametrizedCodebook):
    """Unit vectors e / |e|, moved by the codebook loss (Yu et al., 2022, section 3.2, "l2-normalized codes").

    With |e| = 1, |z - e|^2 = |z|^2 + 1 - 2 z.e: the nearest vector is the one of the greatest cosine, whatever the
    length of z. So search, decoding and losses share one geometry. (DAC searches on the sphere, but decodes vectors of
    any length.) To quantize unit latents, put a projection that ends in a normalization before it.

    The gradient of a vector is tangent to the sphere: its length cannot learn.
    """

    def __init__(self, size: int, dim: int) -> None:
        super().__init__(size, dim)
        self.directions = nn.Parameter(unit(torch.randn(size, dim)))

    def admit(self, vectors: Tensor) -> Tensor:
        """On the sphere."""
        return unit(vectors)

    def express(self) -> Tensor:
        return unit(self.directions)

    def place(self, mask: Tensor, vectors: Tensor) -> None:
        self.directions[mask] = vectors.to(self.directions.dtype)


class NormalizedEMACodebook(EMACodebook):
    """Unit vectors in the direction of the running mean of the unit latents they win: spherical k-means by EMA.

    e = s / |s| with s <- g s + (1 - g) sum z / |z|, which maximises the mean cosine as Dhillon and Modha (2001) show.
    """

    def admit(self, vectors: Tensor) -> Tensor:
        """On the sphere."""
        return unit(vectors)
