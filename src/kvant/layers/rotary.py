"""Rotary position embedding (Su et al., 2021)."""

import math

import torch
from torch import Tensor, nn


class Rotary(nn.Module):
    """Turns channels 2m and 2m + 1 of a frame at position p by the angle p P^(-2m/d), as one complex number (eq. 34).

    The product of a query turned at p and a key turned at s then depends on p - s alone. Positions only grow in a
    stream, so whole turns are taken off in float64, where days of frames are counted exactly, before anything is
    rounded. max_period: P; no pair takes more than 2 pi P frames for a turn.
    """

    rates: Tensor

    def __init__(self, dim: int, max_period: float = 10000.0) -> None:
        super().__init__()
        pairs = torch.arange(dim // 2, dtype=torch.float64)
        self.register_buffer("rates", max_period ** (-2 * pairs / dim) / (2 * math.pi), persistent=False)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """x [..., B, H, T, d] turned, at positions int64 [B, T]."""
        turns = positions[:, None, :, None] * self.rates
        angles = (2 * math.pi * (turns - turns.floor())).float()
        cos, sin = angles.cos(), angles.sin()
        real, imaginary = x.unflatten(-1, (-1, 2)).unbind(-1)
        turned = torch.stack([real * cos - imaginary * sin, real * sin + imaginary * cos], dim=-1)
        return turned.flatten(-2).to(x.dtype)
