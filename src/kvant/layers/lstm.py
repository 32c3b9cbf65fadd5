"""LSTM (Hochreiter and Schmidhuber, 1997) with explicit state."""

from torch import Tensor, nn

from kvant.protocols import State
from kvant.streaming import Causal


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
        hidden, cell = (values.transpose(0, 1).contiguous() for values in state)
        y, (hidden, cell) = self.lstm(x.permute(2, 0, 1), (hidden, cell))
        return y.permute(1, 2, 0), (hidden.transpose(0, 1), cell.transpose(0, 1))
