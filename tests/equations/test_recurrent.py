"""LSTMs in both directions, and recurrences between parts that look ahead."""

from math import inf

import pytest
import torch
from torch import Tensor, nn

from kvant.layers.bidirectional_lstm import BidirectionalLSTM, DoubledResidual
from kvant.layers.lstm import LSTM
from kvant.layers.recurrent import Recurrent
from kvant.streaming import Causal, LookAheadChain, Residual


def test_both_directions_are_one_lstm_there_and_one_back() -> None:
    """Of one layer: the first half runs over x, the second over x reversed, reversed again."""
    torch.manual_seed(0)
    both, x = BidirectionalLSTM(3, layers=1).double(), torch.randn(2, 3, 7, dtype=torch.float64)
    there, back = LSTM(3, 1).double(), LSTM(3, 1).double()
    for name, parameter in both.lstm.named_parameters():
        own = back if name.endswith("_reverse") else there
        dict(own.lstm.named_parameters())[name.removesuffix("_reverse")].data = parameter.data
    expected = torch.cat([there(x), back(x.flip(-1)).flip(-1)], dim=1)
    torch.testing.assert_close(both(x), expected)


def test_the_input_goes_around_to_both_halves() -> None:
    torch.manual_seed(0)
    branch, x = BidirectionalLSTM(3, layers=2), torch.randn(2, 3, 7)
    y = DoubledResidual(branch)(x) - branch(x)
    torch.testing.assert_close(y[:, :3], x)
    torch.testing.assert_close(y[:, 3:], x)


def halved(recurrence: nn.Module) -> Recurrent:
    """Two inputs a frame, and two outputs."""
    torch.manual_seed(0)
    before, after = nn.Conv1d(1, 4, 4, stride=2, padding=1), nn.ConvTranspose1d(4, 1, 4, stride=2, padding=1)
    return Recurrent(LookAheadChain(before), recurrence, LookAheadChain(after))  # type: ignore[arg-type]


def test_what_it_hears_of_the_future_is_what_surrounds_the_recurrence() -> None:
    """Input i s + 2 at most of frame i, and of output m what frames up to (m + 1) / 2 have heard: m + 3."""
    field = halved(Residual(LSTM(4, 1))).receptive_field
    assert field == (inf, 3, 1)


class Sum(Causal):
    """The running sum: each output hears every input before, all alike."""

    def initial_state(self, batch: int) -> Tensor:
        return torch.zeros(batch, 4)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y = x.cumsum(-1) + state[..., None]
        return y, y[..., -1]


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_chunks_carry_what_was_heard_long_ago(chunk: int) -> None:
    """An impulse at the start is in every later output, in whichever chunk."""
    part, x = halved(Sum()), torch.zeros(1, 1, 60)
    silence = part(x)
    x[..., 5] = 1
    with torch.no_grad():
        heard = part.in_chunks(x, chunk) - silence
    assert (heard[..., 12:].abs() > 1e-3).all()
    torch.testing.assert_close(heard[..., 20:30], heard[..., 40:50], rtol=0, atol=1e-5)
    torch.testing.assert_close(heard + silence, part(x), rtol=0, atol=1e-5)
