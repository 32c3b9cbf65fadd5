"""Vectors distributed as the latents are (Fang et al., 2025, Wasserstein VQ)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kvant.protocols import Codebook
from kvant.quantizers.distributed import sum_over_ranks


@dataclass(frozen=True)
class WassersteinPenalty:
    """`wasserstein`: squared 2-Wasserstein distance per dimension between Gaussians with the moments of both sides.

    Computed in float64: products of two covariances span twice the decades of each.

    The latents count by what they are on all ranks, detached; the gradient moves the vectors alone, all of them, used
    or not (Fang et al., 2025). So it wants vectors that learn by gradient: running means do not hear it.
    """

    def __call__(self, codebook: Codebook, latents: Tensor) -> dict[str, Tensor]:
        rows = latents.detach().double()
        count = sum_over_ranks(torch.tensor(len(rows), dtype=rows.dtype, device=rows.device)).clamp(min=1)
        mean = sum_over_ranks(rows.sum(0)) / count
        covariance = sum_over_ranks((rows - mean).T @ (rows - mean)) / count
        distance = squared_wasserstein(*moments(codebook.vectors.double()), mean, covariance)
        return {"wasserstein": (distance / latents.shape[-1]).to(latents.dtype)}


def moments(points: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [d] and covariance [d, d] of points [n, d], by n."""
    mean = points.mean(0)
    return mean, (points - mean).T @ (points - mean) / len(points)


def squared_wasserstein(mean: Tensor, covariance: Tensor, other_mean: Tensor, other_covariance: Tensor) -> Tensor:
    """W2^2 = |m - m'|^2 + tr(S + S' - 2 (S'^1/2 S S'^1/2)^1/2) (Dowson and Landau, 1982), with gradient to m and S.

    other_mean, other_covariance: constant. The last trace t has dt/dS = T/2, T = S'^1/2 (S'^1/2 S S'^1/2)^-1/2 S'^1/2
    (the optimal map from S to S'), and is of degree 1/2 in S: t = tr(T S), whose gradient with T constant is T, twice
    that. So half of it is let through. No eigenvector is differentiated, where equal eigenvalues would divide by zero.
    """
    with torch.no_grad():
        root = power(other_covariance, 0.5)
        inner = root @ covariance @ root
        transport = root @ power(inner, -0.5) @ root
        trace = power(inner, 0.5).trace()
    slope = (transport * covariance).sum()
    trace = trace + (slope - slope.detach()) / 2
    return (mean - other_mean).square().sum() + covariance.trace() + other_covariance.trace() - 2 * trace


def power(matrix: Tensor, exponent: float) -> Tensor:
    """matrix [d, d], symmetric and not negative, to a power, in its support: eigenvalues that are nothing stay nothing.

    What counts as nothing, 1e-12 of the largest, is what float64 leaves of a zero.
    """
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    held = values > 1e-12 * values[-1].clamp(min=1e-30)
    powers = torch.where(held, values.clamp(min=1e-30) ** exponent, 0)
    return (vectors * powers) @ vectors.T
