"""LSTM in both directions (Graves and Schmidhuber, 2005): every output hears the whole signal."""

from math import inf

import torch
from torch import Tensor, nn

from kvant.receptive_field import ReceptiveField
from kvant.streaming import LookAhead


class BidirectionalLSTM(LookAhead):
    """[B, C, T] -> [B, 2 C, T] through layers of two LSTMs each, one from the start and one from the end.

    The first half of the output is what the forward one gives. Each layer hears both of the layer before.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, layers, bidirectional=True)

    @property
    def receptive_field(self) -> ReceptiveField:
        return ReceptiveField(left=inf, right=inf)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x.permute(2, 0, 1))[0].permute(1, 2, 0)


class DoubledResidual(LookAhead):
    """branch(x) + (x, x) for a branch [B, C, T] -> [B, 2 C, T]: x goes around to both halves (SpeechTokenizer)."""

    def __init__(self, branch: LookAhead) -> None:
        super().__init__()
        self.branch = branch

    @property
    def receptive_field(self) -> ReceptiveField:
        return ReceptiveField().beside(self.branch.receptive_field)

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + torch.cat([x, x], dim=1)
