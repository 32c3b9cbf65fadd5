"""Causal transposed convolution with explicit state, computed as a convolution."""

import math

import torch
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.layers.channels_last import Conv1d, along_time
from kvant.layers.conv import last_of
from kvant.protocols import State
from kvant.streaming import Causal


class CausalTransposedConv1d(Causal):
    """[B, C, T] -> [B, C', T stride]: every frame adds an answer of kernel_size samples, overlapping the next frames'.

        y[t stride + j] = b + sum_m W[m stride + j] x[t - m],   0 <= j < stride,  0 <= m < kernel_size / stride.

    So it is a convolution over frames whose channels are the `stride` phases j of each output channel. The state is the
    kernel_size / stride - 1 frames before, zeros at the start; what the last ones would still add after the end is cut.
    groups: of channels that answer for themselves; with as many as channels, each its own.
    """

    def __init__(
        self, channels: int, out_channels: int, kernel_size: int, stride: int, groups: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        taps, rest = divmod(kernel_size, stride)
        if rest or not taps:
            raise UsageError(f"kernel_size {kernel_size}: must be a multiple of the stride {stride}")
        self.conv = Conv1d(channels, out_channels * stride, taps, groups=groups, bias=False)
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        if self.bias is not None:
            bound = 1 / math.sqrt(channels // groups * taps)
            nn.init.uniform_(self.bias, -bound, bound)
        self.stride = stride
        self.context = taps - 1

    def initial_state(self, batch: int) -> State:
        return self.conv.weight.new_zeros(batch, self.conv.in_channels, self.context)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        x = along_time(state, x)
        y = interleaved(self.conv(x), self.stride)
        return y if self.bias is None else y + self.bias[:, None], last_of(x, self.context)


def interleaved(phases: Tensor, stride: int) -> Tensor:
    """[B, C, T stride] of [B, C stride, T]: the phases of each channel in turn, in the layout that they have."""
    if torch.compiler.is_compiling() or phases.stride(1) != 1:
        return phases.unflatten(1, (-1, stride)).transpose(2, 3).flatten(2)
    return phases.transpose(1, 2).unflatten(2, (-1, stride)).transpose(2, 3).flatten(1, 2).transpose(1, 2)


def as_convolution(weight: Tensor, stride: int, groups: int = 1) -> Tensor:
    """Weight [C' stride, C / groups, taps] of the convolution, latest tap last, of torch's [C, C' / groups, kernel]."""
    channels, out_channels, kernel_size = weight.shape
    taps = weight.reshape(groups, channels // groups, out_channels, kernel_size // stride, stride).flip(3)
    return taps.permute(0, 2, 4, 1, 3).reshape(-1, channels // groups, kernel_size // stride)
