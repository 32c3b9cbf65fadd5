"""The straight-through estimator of a categorical variable (Bengio et al., 2013)."""

from dataclasses import dataclass

from torch import Tensor

from kvant.quantizers.gradients.categorical import chosen, draw, require_positive


@dataclass(frozen=True)
class CategoricalStraightThrough:
    """A vector drawn from p = softmax(logits / temperature), with the gradient of the mean vector p E.

    With G the gradient at the output, dL/d logits = J(p) E G / temperature, J(p) = diag(p) - p p^T: right to first
    order (Liu et al., 2023), and exact in the mean for a loss linear in the vector.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        require_positive("temperature", self.temperature)

    def __call__(self, logits: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(vectors of the codes [n, d], codes int64 [n]). logits: [n, V]; vectors: [V, d]."""
        probabilities = (logits / self.temperature).softmax(-1)
        codes = draw(probabilities)
        return chosen(codes, probabilities, vectors), codes
