"""Decoupled straight-through Gumbel-softmax (Shah et al., 2024)."""

from dataclasses import dataclass

from torch import Tensor

from kvant.quantizers.gradients.categorical import chosen, gumbel_noise, require_positive


@dataclass(frozen=True)
class DecoupledStraightThrough:
    """How boldly codes are drawn and how widely their gradient spreads are two temperatures (Shah et al., 2024).

    codes: the largest of logits / forward_temperature + g, g Gumbel noise: a draw from their softmax. Gradient: that of
    softmax(logits / backward_temperature + g) with the same g. Where both temperatures are t this is straight-through
    Gumbel-softmax of logits / t. (The noise is not divided: else the forward temperature would do nothing.)
    """

    forward_temperature: float = 0.5
    backward_temperature: float = 1.0

    def __post_init__(self) -> None:
        require_positive("forward_temperature", self.forward_temperature)
        require_positive("backward_temperature", self.backward_temperature)

    def __call__(self, logits: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(vectors of the codes [n, d], codes int64 [n]). logits: [n, V]; vectors: [V, d]."""
        noise = gumbel_noise(logits.detach())
        codes = (logits.detach() / self.forward_temperature + noise).argmax(-1)
        return chosen(codes, (logits / self.backward_temperature + noise).softmax(-1), vectors), codes
