"""LSTM (Hochreiter and Schmidhuber, 1997) with explicit state."""

import torch
from torch import Tensor, nn

from kvant.layers.channels_last import free
from kvant.protocols import State
from kvant.streaming import Causal

FEWEST = 5
"""Frames below which the cells are run one by one: torch's own LSTM reorders all weights at each call."""


class LSTM(Causal):
    """[B, C, T] -> [B, C, T] through layers of LSTM cells.

    The state is hidden and cell values, each [B, layers, C], zeros at the start.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, layers)

    def initial_state(self, batch: int) -> State:
        shape = (batch, self.lstm.num_layers, self.lstm.hidden_size)
        weight = next(self.lstm.parameters())
        return weight.new_zeros(shape), weight.new_zeros(shape)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if x.shape[-1] < FEWEST and free(x):
            return self._cells(x, state)
        hidden, cell = (values.transpose(0, 1).contiguous() for values in state)
        y, (hidden, cell) = self.lstm(x.permute(2, 0, 1), (hidden, cell))
        return y.permute(1, 2, 0), (hidden.transpose(0, 1), cell.transpose(0, 1))

    def _cells(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The same, a cell and a frame at a time."""
        frames, following = list(x.unbind(-1)), []
        for weights, hidden, cell in zip(self.lstm.all_weights, *(values.unbind(1) for values in state), strict=True):
            outputs = []
            for frame in frames:
                hidden, cell = torch.lstm_cell(frame, (hidden, cell), *weights)
                outputs.append(hidden)
            frames = outputs
            following.append((hidden, cell))
        hiddens, cells = zip(*following)
        return torch.stack(frames, dim=-1), (torch.stack(hiddens, dim=1), torch.stack(cells, dim=1))
