"""ReinMax (Liu et al., 2023): the straight-through estimator to second order."""

from dataclasses import dataclass

from torch import Tensor

from kvant.quantizers.gradients.categorical import chosen, draw, require_positive


@dataclass(frozen=True)
class ReinMax:
    """A vector drawn from p = softmax(logits), with a gradient by Heun's method (Liu et al., 2023).

    With D the one-hot code, p_D = (softmax(logits / temperature) + D) / 2, J(p) = diag(p) - p p^T and G the gradient at
    the output, dL/d logits = (2 J(p_D) - J(p) / 2) E G. At temperature 1 its mean over draws is the gradient of the
    mean loss, if the loss is quadratic in the vector. Above 1 it varies less and is biased.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        require_positive("temperature", self.temperature)

    def __call__(self, logits: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(vectors of the codes [n, d], codes int64 [n]). logits: [n, V]; vectors: [V, d]."""
        fixed = logits.detach()
        p = fixed.softmax(-1)
        heated = p if self.temperature == 1 else (fixed / self.temperature).softmax(-1)
        codes = draw(p)
        midway = (heated / 2).scatter_add(-1, codes[:, None], heated.new_full((len(codes), 1), 0.5))
        # J is symmetric: J(p) logits, with p held constant, passes what it is given back as J(p) times it.
        weights = 2 * jacobian_times(midway, logits) - jacobian_times(p, logits) / 2
        return chosen(codes, weights, vectors), codes


def jacobian_times(p: Tensor, x: Tensor) -> Tensor:
    """(diag(p) - p p^T) x, the derivative of softmax where it is p, times x; both [n, V]."""
    return p * (x - (p * x).sum(-1, keepdim=True))
