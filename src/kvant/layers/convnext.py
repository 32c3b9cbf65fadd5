"""ConvNeXt blocks of frame-rate codecs (Liu et al., 2022; Siuzdak, 2023, for audio): causal, and centred."""

from fractions import Fraction

import torch.nn.functional as F
from torch import Tensor, nn

from kvant.layers.conv import CausalConv1d
from kvant.protocols import State
from kvant.receptive_field import ReceptiveField
from kvant.streaming import Causal


def bottleneck(frames: Tensor, expand: nn.Linear, project: nn.Linear, scale: Tensor) -> Tensor:
    """scale * W2 GELU(W1 frame) of every frame: [B, C, T] of [B, T, C]."""
    return (project(F.gelu(expand(frames))) * scale).transpose(1, 2)


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
        return x + bottleneck(self.norm(y.transpose(1, 2)), self.expand, self.project, self.scale), state


class CentredConvNeXtBlock(nn.Module):
    """The same with as many frames behind as ahead, 3 of each, and zeros outside (Siuzdak, 2023).

    norm: of frames [B, T, C], and of what `forward` is told besides: nothing for `nn.LayerNorm`, int64 [B] for
    `AdaptiveLayerNorm`. scale: at the start.
    """

    def __init__(self, channels: int, hidden: int, norm: nn.Module, scale: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, 7, padding=3, groups=channels)
        self.norm = norm
        self.expand = nn.Linear(channels, hidden)
        self.project = nn.Linear(hidden, channels)
        self.scale = nn.Parameter(Tensor(channels).fill_(scale))

    @property
    def receptive_field(self) -> ReceptiveField:
        return ReceptiveField(Fraction(3), Fraction(3))

    def forward(self, x: Tensor, *told: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).transpose(1, 2), *told)
        return x + bottleneck(y, self.expand, self.project, self.scale)
