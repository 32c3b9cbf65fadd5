"""Causal convolution of a signal whose first frame counts as its whole past, with explicit state."""

import torch
from torch import Tensor

from kvant.layers.conv import CausalConv1d
from kvant.protocols import State


class ReplicatedConv1d(CausalConv1d):
    """As `CausalConv1d`, but the frames before the first are like the first: x[t] = x[0] for t < 0 (Mimi).

    So it is causal from the first frame on, and a constant stays a constant. The state is the context [B, C, P] and
    begun [B], both zero at first: what has not begun takes the first frame of its block for the context.
    """

    def initial_state(self, batch: int) -> State:
        return super().initial_state(batch), self.conv.weight.new_zeros(batch)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        context, begun = state
        y, context = super().step(x, torch.where(begun[:, None, None] > 0, context, x[..., :1]))
        return y, (context, torch.ones_like(begun))
