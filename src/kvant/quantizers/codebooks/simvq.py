"""SimVQ (Zhu et al., 2025): all vectors move together, through one matrix."""

import torch
from torch import Tensor, nn

from kvant.quantizers.codebooks.parametrized import ParametrizedCodebook


class SimVQCodebook(ParametrizedCodebook):
    """E = C W: C [V, d] Gaussian and frozen, W [d, d] learned by the codebook loss (Zhu et al., 2025, section 4).

    dL/dW = sum C_k^T dL/dE_k: one latent moves every vector, so none is left behind for want of latents. W starts at
    the identity, and E so at C. Audio needs a warm-up of the learning rate here (the authors' advice).

    `replace` solves C_k W = v for the codes it moves: where W is singular, the nearest that it can reach. A model file
    keeps E; whoever trains on from it starts at C = E, W = 1.
    """

    anchors: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__(size, dim)
        self.register_buffer("anchors", torch.randn(size, dim))
        self.transform = nn.Parameter(torch.eye(dim))

    def express(self) -> Tensor:
        return self.anchors @ self.transform

    def place(self, mask: Tensor, vectors: Tensor) -> None:
        inverse = torch.linalg.pinv(self.transform.double())
        self.anchors[mask] = (vectors.double() @ inverse).to(self.anchors.dtype)
