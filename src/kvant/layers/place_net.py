"""What frames know of their place in the whole signal: a middle block of diffusion decoders (Esser et al., 2021)."""

from math import inf

import torch.nn.functional as F
from torch import Tensor, nn

from kvant.receptive_field import ReceptiveField
from kvant.streaming import LookAhead

DROPOUT = 0.1


def group_norm(channels: int, groups: int) -> nn.GroupNorm:
    """Mean and deviation over all frames and the channels of a group."""
    return nn.GroupNorm(groups, channels, eps=1e-6)


class GroupNormUnit(nn.Module):
    """x + W3 swish(n(W3 swish(n(x)))) for x [B, C, T], swish(x) = x / (1 + exp(-x)); in training with dropout."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            group_norm(channels, groups),
            nn.SiLU(),
            nn.Conv1d(channels, channels, 3, padding=1),
            group_norm(channels, groups),
            nn.SiLU(),
            nn.Dropout(DROPOUT),
            nn.Conv1d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class WholeAttention(nn.Module):
    """x + Wo softmax(q^T k / sqrt(C)) v for x [B, C, T], q, k, v maps of n(x): every frame attends to all, one head."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = group_norm(channels, groups)
        self.q, self.k, self.v, self.out = (nn.Conv1d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        q, k, v = (each(y).transpose(1, 2)[:, None] for each in (self.q, self.k, self.v))
        return x + self.out(F.scaled_dot_product_attention(q, k, v)[:, 0].transpose(1, 2))


class PlaceNet(LookAhead):
    """[B, C, T] -> [B, C, T]: two `GroupNormUnit`, `WholeAttention`, two more, a group norm (Ji et al., 2024).

    There is no end to what an output depends on, on either side, so no piece is enough. C is a multiple of `groups`.
    """

    def __init__(self, channels: int, groups: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            GroupNormUnit(channels, groups),
            GroupNormUnit(channels, groups),
            WholeAttention(channels, groups),
            GroupNormUnit(channels, groups),
            GroupNormUnit(channels, groups),
            group_norm(channels, groups),
        )

    @property
    def receptive_field(self) -> ReceptiveField:
        return ReceptiveField(left=inf, right=inf)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
