"""Gumbel-softmax (Jang et al., 2017; Maddison et al., 2017), soft and straight-through."""

from dataclasses import dataclass

from torch import Tensor

from kvant.quantizers.gradients.categorical import chosen, gumbel_noise, require_positive


@dataclass(frozen=True)
class GumbelSoftmax:
    """A mixture of the vectors: w = softmax((logits + g) / temperature), g Gumbel noise (Jang et al., 2017, eq. 2).

    Its largest weight is a draw from softmax(logits) at any temperature. Towards 0 w becomes one-hot, and its gradient
    varies without bound; towards infinity w becomes uniform. The gradient is that of the mixture w E itself.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        require_positive("temperature", self.temperature)

    def __call__(self, logits: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(mixtures [n, d], int64 [n] codes of their largest weights). logits: [n, V]; vectors: [V, d]."""
        noisy = logits + gumbel_noise(logits.detach())
        return (noisy / self.temperature).softmax(-1) @ vectors, noisy.detach().argmax(-1)


@dataclass(frozen=True)
class StraightThroughGumbel:
    """A drawn vector, with the gradient of Gumbel-softmax (Jang et al., 2017, section 2.2).

    With w as in `GumbelSoftmax` and G the gradient at the output, dL/d logits = J(w) E G / temperature,
    J(w) = diag(w) - w w^T; each vector learns from the rows that drew it.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        require_positive("temperature", self.temperature)

    def __call__(self, logits: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(vectors of the codes [n, d], codes int64 [n] drawn by logits). logits: [n, V]; vectors: [V, d]."""
        noisy = logits + gumbel_noise(logits.detach())
        codes = noisy.detach().argmax(-1)
        return chosen(codes, (noisy / self.temperature).softmax(-1), vectors), codes
