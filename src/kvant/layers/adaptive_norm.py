"""Layer normalization that is told something: gains and shifts are looked up (Perez et al., 2018, FiLM)."""

import torch.nn.functional as F
from torch import Tensor, nn


class AdaptiveLayerNorm(nn.Module):
    """n(x) * scale[c] + shift[c]: n takes mean and deviation of each frame's channels away, c is what is told.

    scale starts at 1 and shift at 0, for all of `num_conditions`.
    """

    def __init__(self, num_conditions: int, channels: int) -> None:
        super().__init__()
        self.scale = nn.Embedding(num_conditions, channels)
        self.shift = nn.Embedding(num_conditions, channels)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, frames: Tensor, condition: Tensor) -> Tensor:
        """frames: [B, T, C]. condition: int64 [B], or [1] for all items."""
        normalized = F.layer_norm(frames, frames.shape[-1:], eps=1e-6)
        return normalized * self.scale(condition)[:, None] + self.shift(condition)[:, None]
