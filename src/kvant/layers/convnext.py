"""The causal ConvNeXt block of frame-rate codecs (Liu et al., 2022; Siuzdak, 2023 for audio)."""

import torch.nn.functional as F
from torch import Tensor, nn

from kvant.layers.conv import CausalConv1d
from kvant.protocols import State
from kvant.streaming import Causal


class ConvNeXtBlock(Causal):
    """x + scale * W2 GELU(W1 norm(depthwise(x))): context by a depthwise convolution, work by two matrices per frame.

    x: [B, C, T]. `scale` starts small (0.1), so that a fresh block is close to the identity.
    """

    def __init__(self, channels: int, hidden: int, kernel_size: int = 7, dilation: int = 1) -> None:
        super().__init__()
        self.depthwise = CausalConv1d(channels, channels, kernel_size, dilation, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-5)
        self.expand = nn.Linear(channels, hidden)
        self.project = nn.Linear(hidden, channels)
        self.scale = nn.Parameter(Tensor(channels).fill_(0.1))

    def initial_state(self, batch: int) -> State:
        return self.depthwise.initial_state(batch)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.depthwise.step(x, state)
        y = self.norm(y.transpose(1, 2))
        y = self.project(F.gelu(self.expand(y))) * self.scale
        return x + y.transpose(1, 2), state
