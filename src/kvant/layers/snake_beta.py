"""SnakeBeta: Snake with an amplitude of its own (Lee et al., 2023)."""

import torch
from torch import Tensor, nn

from kvant.layers.anti_aliased import AntiAliased
from kvant.layers.snake import TINY, ripple
from kvant.receptive_field import ReceptiveField


class SnakeBeta(nn.Module):
    """x + sin^2(a x) / b for x [B, C, T], with a frequency a = exp(alpha) and b = exp(beta) for each channel.

    Its derivative is 1 + (a / b) sin(2 a x), negative in places where a > b. Both logarithms start at 0: there it is
    `Snake`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    @property
    def receptive_field(self) -> ReceptiveField:
        return ReceptiveField()

    def forward(self, x: Tensor) -> Tensor:
        return ripple(x, self.alpha.exp()[:, None], (self.beta.exp() + TINY).reciprocal()[:, None])


def anti_aliased_snake(channels: int) -> AntiAliased:
    """The nonlinearity of BigVGAN and BigCodec."""
    return AntiAliased(SnakeBeta(channels))
