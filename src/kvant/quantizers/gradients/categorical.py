"""What relaxations share: drawing a category from its logits, and a gradient for the draw."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from kvant.errors import UsageError


def gumbel_noise(logits: Tensor) -> Tensor:
    """Standard Gumbel noise -log(-log u) of the shape of logits, u ~ U(0, 1): the largest of logits + noise is a draw.

    (From uniform numbers, since torch draws exponential ones several times more slowly.)
    """
    uniform = torch.rand_like(logits)
    return uniform.clamp_(min=torch.finfo(uniform.dtype).tiny).log_().neg_().log_().neg_()


def draw(probabilities: Tensor) -> Tensor:
    """int64 [n] drawn from probabilities [n, V], by where a uniform number falls in their running sum."""
    sums = probabilities.detach().cumsum(-1)
    falls = torch.rand_like(sums[:, :1]) * sums[:, -1:]
    return torch.searchsorted(sums, falls, right=True).clamp_(max=sums.shape[1] - 1)[:, 0]


def require_positive(name: str, value: float) -> None:
    """UsageError unless value > 0."""
    if not value > 0:
        raise UsageError(f"{name} {value}: must be above 0")


class Chosen(Function):
    """vectors[codes], with the gradient of weights @ vectors for the weights [n, V].

    With G the gradient at the output [n, d]: dL/d weights = G vectors^T, and the vectors learn from the rows that chose
    them, dL/d e_k = sum of G over codes = k.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, codes: Tensor, vectors: Tensor) -> Tensor:
        ctx.save_for_backward(codes, vectors)
        return vectors.index_select(0, codes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        codes, vectors = ctx.saved_tensors
        of_weights = gradient @ vectors.T if ctx.needs_input_grad[0] else None
        of_vectors = torch.zeros_like(vectors).index_add_(0, codes, gradient) if ctx.needs_input_grad[2] else None
        return of_weights, None, of_vectors


def chosen(codes: Tensor, weights: Tensor, vectors: Tensor) -> Tensor:
    """[n, d]: vectors[codes], with the gradient of weights @ vectors for what the weights [n, V] come from."""
    return Chosen.apply(weights, codes, vectors)
