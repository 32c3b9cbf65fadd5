"""The Karhunen-Loeve transform: the linear map to few dimensions that loses the least energy (PCA), in closed form."""

import torch
from torch import Tensor, nn


def solve_klt(features: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean [F], basis [dim, F] and variances [F] of features [n, F]: eigenvectors of the covariance, largest first.

    With covariance C = U diag(v) U^T and v descending, the basis is U[:, :dim]^T. The latents basis (x - mean) are
    uncorrelated with variances v[:dim], and no other `dim` dimensions leave a smaller mean squared error than
    sum(v[dim:]) (Eckart and Young, 1936). Signs are fixed so that each basis vector's largest entry is positive.
    """
    mean = features.double().mean(0)
    covariance = torch.cov((features.double() - mean).T)
    variances, vectors = torch.linalg.eigh(covariance)
    basis = vectors.flip(1)[:, :dim].T
    largest = basis.gather(1, basis.abs().argmax(1, keepdim=True))
    return mean.float(), (basis * largest.sign()).float(), variances.flip(0).float()


class KLT(nn.Module):
    """features [..., F] -> latents [..., dim] = basis (features - mean). Starts as solved, then learns."""

    def __init__(self, num_features: int, dim: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(num_features))
        self.basis = nn.Parameter(torch.eye(dim, num_features))

    def forward(self, features: Tensor) -> Tensor:
        return (features - self.mean) @ self.basis.T


class InverseKLT(nn.Module):
    """latents [..., dim] -> features [..., F] = basis^T latents + mean. Starts as solved, then learns."""

    def __init__(self, num_features: int, dim: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(num_features))
        self.basis = nn.Parameter(torch.eye(dim, num_features))

    def forward(self, latents: Tensor) -> Tensor:
        return latents @ self.basis + self.mean
