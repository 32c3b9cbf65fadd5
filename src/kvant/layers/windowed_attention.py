"""Self-attention (Vaswani et al., 2017) over a window of the past, with explicit state."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.layers.rotary import Rotary
from kvant.protocols import State
from kvant.streaming import Causal


class WindowedAttention(Causal):
    """[B, C, T] -> [B, C, T]: each frame asks the last `window` frames, itself among them, by heads of d = C / H.

        y_t = W' concat_h sum_s softmax_s(q_t . k_s / sqrt(d)) v_s,   t - window < s <= t,   q, k, v = W x

    with q and k turned by their positions, neighbouring channels as pairs, and no biases. The state is the keys,
    turned, and the values of the window - 1 frames before, each [B, H, window - 1, d], and the number of frames heard,
    int64 [B]; all zero at first. What was not heard is not asked. A block of T frames weighs T (window - 1 + T)
    products: long signals are better given in blocks.
    """

    def __init__(self, channels: int, heads: int, window: int, max_period: float = 10000.0) -> None:
        super().__init__()
        if channels % (2 * heads) or window < 1:
            raise UsageError(
                f"{channels} channels, {heads} heads, a window of {window}: "
                "heads need an even number of channels each, windows at least one frame"
            )
        self.heads, self.window = heads, window
        self.into = nn.Linear(channels, 3 * channels, bias=False)
        self.out = nn.Linear(channels, channels, bias=False)
        self.rotary = Rotary(channels // heads, max_period)

    def initial_state(self, batch: int) -> State:
        weight = self.into.weight
        past = weight.new_zeros(batch, self.heads, self.window - 1, weight.shape[1] // self.heads)
        return past, torch.zeros_like(past), torch.zeros(batch, dtype=torch.int64, device=weight.device)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        keys, values, heard = state
        length = x.shape[-1]
        frames = torch.arange(length, device=x.device)
        projected = self.into(x.transpose(1, 2)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        queries, new_keys = self.rotary(projected[:2], heard[:, None] + frames).unbind(0)
        keys, values = torch.cat([keys, new_keys], dim=2), torch.cat([values, projected[2]], dim=2)
        y = F.scaled_dot_product_attention(queries, keys, values, self._visible(frames, heard))
        y = self.out(y.transpose(1, 2).flatten(2)).transpose(1, 2)
        return y, (keys[:, :, length:], values[:, :, length:], heard + length)

    def _visible(self, frames: Tensor, heard: Tensor) -> Tensor:
        """Which keys, those of the state first, each frame of a block may ask: bool [B, 1, T, window - 1 + T]."""
        past = self.window - 1
        places = torch.arange(past + len(frames), device=frames.device)
        within = (places >= frames[:, None]) & (places <= frames[:, None] + past)
        return (within & (places >= past - heard[:, None, None]))[:, None]
