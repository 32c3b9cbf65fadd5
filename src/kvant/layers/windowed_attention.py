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
    int64 [B]; all zero at first. What was not heard is not asked.
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
        y = self._answers(queries, keys, values, heard)
        y = self.out(y.transpose(1, 2).flatten(2)).transpose(1, 2)
        return y, (keys[:, :, length:], values[:, :, length:], heard + length)

    def _answers(self, queries: Tensor, keys: Tensor, values: Tensor, heard: Tensor) -> Tensor:
        """[B, H, T, d] of queries [B, H, T, d], keys and values [B, H, window - 1 + T, d].

        A window of queries at a time, so that long signals cost in proportion to their length, not to its square. In a
        graph, where T may be free, all at once.
        """
        if torch.compiler.is_compiling():
            return self._answer(queries, keys, values, heard)
        answers = []
        for start in range(0, queries.shape[2], self.window):
            stop = min(start + self.window, queries.shape[2])
            asked = slice(start, stop + self.window - 1)
            part = queries[:, :, start:stop], keys[:, :, asked], values[:, :, asked]
            answers.append(self._answer(*part, heard + start))
        return torch.cat(answers, dim=2)

    def _answer(self, queries: Tensor, keys: Tensor, values: Tensor, heard: Tensor) -> Tensor:
        """The same; each frame asks the keys from its own place on to a window further, of those that were heard."""
        past = self.window - 1
        frames = torch.arange(queries.shape[2], device=queries.device)[:, None]
        places = torch.arange(keys.shape[2], device=queries.device)
        visible = (places >= frames) & (places <= frames + past) & (places >= past - heard[:, None, None])
        return F.scaled_dot_product_attention(queries, keys, values, visible[:, None])
