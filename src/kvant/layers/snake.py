"""Snake: a periodic nonlinearity for periodic signals (Ziyin et al., 2020)."""

import torch
from torch import Tensor, nn

from kvant.receptive_field import ReceptiveField

TINY = 1e-9
"""Keeps 1 / a finite at a = 0, where the sine is 0 too."""


def ripple(x: Tensor, frequency: Tensor, amplitude: Tensor) -> Tensor:
    """x + amplitude sin^2(frequency x)."""
    phase = frequency * x
    if torch.is_grad_enabled():
        return torch.addcmul(x, phase.sin().square(), amplitude)
    # In place: of large signals, new memory costs more than the arithmetic.
    return torch.addcmul(x, phase.sin_().square_(), amplitude)


class Snake(nn.Module):
    """x + sin^2(a x) / a for x [B, C, T], with a frequency a for each channel (Kumar et al., 2023, section 3.1).

    Its derivative 1 + sin(2 a x) is never negative: the identity with a ripple, whose period the network learns. a
    starts at 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    @property
    def receptive_field(self) -> ReceptiveField:
        return ReceptiveField()

    def forward(self, x: Tensor) -> Tensor:
        return ripple(x, self.alpha, (self.alpha + TINY).reciprocal())
