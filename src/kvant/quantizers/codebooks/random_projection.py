"""Random projections (Chiu et al., 2022, BEST-RQ): codes without learning, as targets for what shall learn."""

import torch
from torch import Tensor

from kvant.errors import UsageError
from kvant.quantizers.codebooks.normalized import unit
from kvant.quantizers.codebooks.tracked import TrackedCodebook


class RandomProjectionCodebook(TrackedCodebook):
    """argmin_k |A z / |A z| - c_k| with A [rank, d] and unit vectors c_k random and frozen (Chiu et al., 2022, eq. 1).

    Here the rows of A are orthonormal: a random subspace. Then A^T is its pseudo-inverse, decoding gives e_k = A^T c_k,
    and since |A z|, |z| and |e_k| = 1 do not depend on k, the code is that of the nearest e_k: an ordinary codebook.
    A and c are drawn from `seed` alone. Latents should have mean 0 and variance 1 in each dimension, as the paper says.

    It refuses to be moved: give its quantizer no remedies. UsageError: more rank than dimensions.
    """

    frozen = True

    def __init__(self, size: int, dim: int, rank: int = 16, seed: int = 0) -> None:
        super().__init__(size, dim)
        if rank > dim:
            raise UsageError(f"rank={rank}: a projection of {dim} dimensions has at most {dim}")
        generator = torch.Generator().manual_seed(seed)
        subspace, _ = torch.linalg.qr(torch.randn(dim, rank, generator=generator, dtype=torch.float64))
        codes = unit(torch.randn(size, rank, generator=generator, dtype=torch.float64))
        self.register_buffer("weight", (codes @ subspace.T).float())

    def replace(self, mask: Tensor, vectors: Tensor, usage: Tensor | float = 1.0) -> None:
        """UsageError: always."""
        raise UsageError("RandomProjectionCodebook is frozen: give its quantizer remedies=()")
