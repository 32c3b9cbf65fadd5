"""How far codebooks are from the latents they serve: the centroid condition of Lloyd (1982), measured."""

import torch
from torch import Tensor

from kvant.quantizers import TrackedCodebook
from kvant.training.diagnosis.listening import Heard


@torch.no_grad()
def drift(latents: Tensor, codes: Tensor, vectors: Tensor) -> float:
    """RMS distance between each vector and the mean of the latents it wins, over the RMS quantization error.

    latents [n, d] were given codes [n] of vectors [V, d]. Of a cell of n_c latents with mean m and vector v, the
    squared error is sum |z - m|^2 + n_c |m - v|^2; the second part is drift, and would be saved by moving v to m.
    So drift^2 is the share of the error that stale vectors cause: 0 after Lloyd's algorithm, at most 1. From few
    latents m is itself uncertain by s^2 / n_c, which is subtracted; cells of one latent tell nothing and are left out.
    """
    counts = torch.bincount(codes, minlength=len(vectors)).to(latents.dtype)
    sums = torch.zeros_like(vectors).index_add_(0, codes, latents)
    means = sums / counts.clamp(min=1)[:, None]
    within = torch.zeros_like(counts).index_add_(0, codes, (latents - means[codes]).square().sum(-1))
    told = counts > 1
    variance = within[told] / (counts[told] - 1)
    between = (means[told] - vectors[told]).square().sum(-1) - variance / counts[told]
    stale = (counts[told] * between).sum().clamp(min=0)
    error = (counts[told] * (variance + between)).sum()
    return float((stale / error.clamp(min=1e-20)).clamp(max=1).sqrt())


def drift_measures(codebooks: list[TrackedCodebook], heard: dict[int, Heard]) -> dict[str, float]:
    """`codebook_k/drift` of every codebook that was asked something."""
    return {f"codebook_{k}/drift": drift(said.latents, said.codes, codebooks[k].vectors) for k, said in heard.items()}
