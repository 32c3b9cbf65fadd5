"""Soft-to-hard vector quantization (Agustsson et al., 2017)."""

from dataclasses import dataclass

from torch import Tensor

from kvant.quantizers.gradients.categorical import require_positive


@dataclass(frozen=True)
class SoftToHard:
    """A mixture of the vectors by nearness, softmax(sigma logits) E (Agustsson et al., 2017).

    Nothing is drawn, and the gradient is that of the mixture. Towards infinite sigma it is vector quantization: train
    with sigma rising, `Annealed(SoftToHard, 1.0, 100.0, steps)`. What is still soft at the end is lost in evaluation.
    """

    sigma: float = 1.0

    def __post_init__(self) -> None:
        require_positive("sigma", self.sigma)

    def __call__(self, logits: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(mixtures [n, d], int64 [n] codes of their largest weights). logits: [n, V]; vectors: [V, d]."""
        return (self.sigma * logits).softmax(-1) @ vectors, logits.detach().argmax(-1)
