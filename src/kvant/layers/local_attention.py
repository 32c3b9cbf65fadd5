"""Self-attention within windows of the signal that do not overlap (SNAC: Siuzdak et al., 2024)."""

from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.layers.rotary import Rotary
from kvant.receptive_field import ReceptiveField
from kvant.streaming import LookAhead


class LocalAttention(LookAhead):
    """x + W' attention(W norm(x)) for x [B, C, T]: frames ask all those of their own window, by heads of `head_dim`.

        y_t = W' concat_h sum_s softmax_s(q_t . k_s / sqrt(d)) v_s,   floor(s / window) = floor(t / window)

    q and k are turned by their places in the window, neighbouring channels as pairs; the norm is over channels, and
    there are no biases but its own. Windows are counted from the start of the signal: a piece says where it begins, and
    what it lacks of its first or last window is not asked. UsageError: channels are no whole number of heads.
    """

    def __init__(self, channels: int, window: int, head_dim: int) -> None:
        super().__init__()
        if channels % head_dim or head_dim % 2:
            raise UsageError(f"{channels} channels, heads of {head_dim}: must be whole heads, and these even")
        self.window, self.heads = window, channels // head_dim
        self.norm = nn.LayerNorm(channels)
        self.into = nn.Linear(channels, 3 * channels, bias=False)
        self.out = nn.Linear(channels, channels, bias=False)
        self.rotary = Rotary(head_dim)

    @property
    def receptive_field(self) -> ReceptiveField:
        return ReceptiveField(Fraction(self.window - 1), Fraction(self.window - 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.piece(x, 0)

    def piece(self, x: Tensor, start: int | Tensor) -> Tensor:
        """start: where x begins in the signal; as int64 [B, 1], multiples of the window."""
        before = start % self.window if isinstance(start, int) else 0
        length = x.shape[-1]
        behind = -(before + length) % self.window
        heard = F.pad(torch.ones_like(x[:, 0], dtype=torch.bool), (before, behind)).reshape(-1, self.window)
        normed = F.pad(self.norm(x.transpose(1, 2)), (0, 0, before, behind)).reshape(-1, self.window, x.shape[1])
        # Windows are items of a batch: each of the three [B windows, heads, window, head_dim].
        queries, keys, values = self.into(normed).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        places = torch.arange(self.window, device=x.device)[None]
        queries, keys = self.rotary(queries, places), self.rotary(keys, places)
        y = F.scaled_dot_product_attention(queries, keys, values, heard[:, None, None])
        y = self.out(y.transpose(1, 2).flatten(2)).reshape(x.shape[0], -1, x.shape[1]).transpose(1, 2)
        return x + y[..., before : before + length]
