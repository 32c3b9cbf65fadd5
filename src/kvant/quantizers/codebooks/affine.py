"""A scale and a shift that all vectors share (Huh et al., 2023)."""

import torch
from torch import Tensor, nn

from kvant.quantizers.codebooks.parametrized import ParametrizedCodebook


class AffineCodebook(ParametrizedCodebook):
    """e_k = s * c_k + b, with s and b [d] shared by all codes and learned like c (Huh et al., 2023, section 4.1).

    Latents drift as a whole, and rarely used vectors lag behind; s and b carry all of them along: one latent moves all
    codes. They should be faster than c: here s = exp(r a) and b = r t with parameters a, t, so that under Adam, whose
    steps do not depend on the size of gradients, they move at `rate` r times the learning rate of c. And s > 0 keeps
    the map invertible, so that `replace` is exact.
    """

    def __init__(self, size: int, dim: int, rate: float = 10.0) -> None:
        super().__init__(size, dim)
        self.rate = rate
        self.centred = nn.Parameter(torch.randn(size, dim))
        self.log_scale = nn.Parameter(torch.zeros(dim))
        self.shift = nn.Parameter(torch.zeros(dim))

    def express(self) -> Tensor:
        return self.centred * (self.rate * self.log_scale).exp() + self.rate * self.shift

    def place(self, mask: Tensor, vectors: Tensor) -> None:
        centred = (vectors - self.rate * self.shift) * (-self.rate * self.log_scale).exp()
        self.centred[mask] = centred.to(self.centred.dtype)
