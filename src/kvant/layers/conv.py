"""Causal convolution with explicit state."""

import torch
from torch import Tensor, nn

from kvant.protocols import State
from kvant.streaming import Causal


class CausalConv1d(Causal):
    """Convolution over [B, C, T] that sees the present and (kernel_size - 1) * dilation past frames, stride 1.

    The state is that many past input frames, zeros at the start: the usual left zero padding, made explicit.
    """

    def __init__(self, channels: int, out_channels: int, kernel_size: int, dilation: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, out_channels, kernel_size, dilation=dilation, groups=groups)
        self.context = (kernel_size - 1) * dilation

    def initial_state(self, batch: int) -> State:
        return self.conv.weight.new_zeros(batch, self.conv.in_channels, self.context)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        x = torch.cat([state, x], dim=-1)
        return self.conv(x), x[..., x.shape[-1] - self.context :]
