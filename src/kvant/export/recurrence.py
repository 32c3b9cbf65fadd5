"""LSTM layers as the operator that ONNX has for them, for any number of frames.

Left to itself, torch takes the number of frames it traces an LSTM with for the only one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import onnxscript
import torch
from torch import Tensor, nn

from kvant.errors import UsageError

op: Any = onnxscript.opset18
"""Operators take lists of integers where their types say tensors."""


@torch.library.custom_op("kvant::lstm", mutates_args=())
def run_lstm(
    x: Tensor, hidden: Tensor, cell: Tensor, weights: Sequence[Tensor], directions: int
) -> tuple[Tensor, Tensor, Tensor]:
    """x [T, B, C] -> [T, B, directions * H], and hidden and cell values [layers * directions, B, H] behind the last.

    weights: of each layer, and in it of each direction: of input and of hidden values a matrix each, and a bias each.
    """
    layers = len(hidden) // directions
    return torch.lstm(x, (hidden, cell), list(weights), True, layers, 0.0, False, directions == 2, False)


@run_lstm.register_fake
def _(
    x: Tensor, hidden: Tensor, cell: Tensor, weights: Sequence[Tensor], directions: int
) -> tuple[Tensor, Tensor, Tensor]:
    y = x.new_empty(*x.shape[:2], directions * hidden.shape[-1])
    return y, torch.empty_like(hidden), torch.empty_like(cell)


def onnx_lstm(x: Any, hidden: Any, cell: Any, weights: Sequence[Any], directions: int) -> tuple[Any, Any, Any]:
    """`run_lstm` in ONNX. Its gates are input, output, forget, cell; torch's are input, forget, cell, output.

    The weights are reordered in the graph, which onnxruntime does once, as it loads them.
    """
    size = hidden.shape[-1]

    def gates(stacked: Any) -> Any:
        i, f, c, o = (op.Slice(stacked, [k * size], [(k + 1) * size], [0]) for k in range(4))
        return op.Unsqueeze(op.Concat(i, o, f, c, axis=0), [0])

    def both(matrices: Sequence[Any]) -> Any:
        return op.Concat(*map(gates, matrices), axis=0)

    hiddens, cells, each = [], [], 4 * directions
    for layer, start in enumerate(range(0, len(weights), each)):
        into, again, bias, more = (both(weights[start + kind : start + each : 4]) for kind in range(4))
        first, last = layer * directions, (layer + 1) * directions
        values = (op.Slice(state, [first], [last], [0]) for state in (hidden, cell))
        y, last_hidden, last_cell = op.LSTM(
            x,
            *(into, again, op.Concat(bias, more, axis=1), None),
            *values,
            hidden_size=size,
            direction="bidirectional" if directions == 2 else "forward",
        )
        x = op.Reshape(op.Transpose(y, perm=[0, 2, 1, 3]), [0, 0, -1])
        hiddens.append(last_hidden)
        cells.append(last_cell)
    return x, op.Concat(*hiddens, axis=0), op.Concat(*cells, axis=0)


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.kvant.lstm.default: onnx_lstm}
"""What torch.onnx.export does not know itself."""


class TraceableLSTM(nn.Module):
    """An nn.LSTM under the same names, but of `run_lstm`. UsageError: one of another kind than codecs have."""

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        if lstm.batch_first or lstm.proj_size or not lstm.bias:
            raise UsageError(f"no graph holds {lstm}: only LSTMs over [T, B, C], with biases, without projection")
        self.num_layers, self.hidden_size = lstm.num_layers, lstm.hidden_size
        self.directions = 1 + lstm.bidirectional
        for name, parameter in lstm.named_parameters():
            self.register_parameter(name, parameter)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        zeros = x.new_zeros(self.num_layers * self.directions, x.shape[1], self.hidden_size)
        y, hidden, cell = run_lstm(x, *(state or (zeros, zeros)), list(self.parameters()), self.directions)
        return y, (hidden, cell)


def make_traceable(module: nn.Module) -> None:
    """Replace every nn.LSTM within `module`."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.LSTM):
                setattr(parent, name, TraceableLSTM(child))
