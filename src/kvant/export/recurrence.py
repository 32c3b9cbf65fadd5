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

PER_LAYER = 4
"""Tensors of a layer: of input and hidden values a matrix each, and a bias each."""


@torch.library.custom_op("kvant::lstm", mutates_args=())
def run_lstm(x: Tensor, hidden: Tensor, cell: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """x [T, B, C] -> [T, B, H], and the hidden and cell values [layers, B, H] behind the last frame."""
    layers = len(weights) // PER_LAYER
    return torch.lstm(x, (hidden, cell), list(weights), True, layers, 0.0, False, False, False)


@run_lstm.register_fake
def _(x: Tensor, hidden: Tensor, cell: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty(*x.shape[:2], hidden.shape[-1]), torch.empty_like(hidden), torch.empty_like(cell)


def onnx_lstm(x: Any, hidden: Any, cell: Any, weights: Sequence[Any]) -> tuple[Any, Any, Any]:
    """`run_lstm` in ONNX. Its gates are input, output, forget, cell; torch's are input, forget, cell, output.

    The weights are reordered in the graph, which onnxruntime does once, as it loads them.
    """
    size = hidden.shape[-1]

    def gates(stacked: Any) -> Any:
        i, f, c, o = (op.Slice(stacked, [k * size], [(k + 1) * size], [0]) for k in range(4))
        return op.Concat(i, o, f, c, axis=0)

    hiddens, cells = [], []
    for layer in range(len(weights) // PER_LAYER):
        into, again, *biases = (gates(weight) for weight in weights[PER_LAYER * layer : PER_LAYER * (layer + 1)])
        matrices = (op.Unsqueeze(matrix, [0]) for matrix in (into, again, op.Concat(*biases, axis=0)))
        start = (op.Slice(values, [layer], [layer + 1], [0]) for values in (hidden, cell))
        y, last_hidden, last_cell = op.LSTM(x, *matrices, None, *start, hidden_size=size)
        x = op.Squeeze(y, [1])
        hiddens.append(last_hidden)
        cells.append(last_cell)
    return x, op.Concat(*hiddens, axis=0), op.Concat(*cells, axis=0)


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.kvant.lstm.default: onnx_lstm}
"""What torch.onnx.export does not know itself."""


class TraceableLSTM(nn.Module):
    """An nn.LSTM under the same names, but of `run_lstm`. UsageError: one of another kind than codecs have."""

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        if lstm.bidirectional or lstm.batch_first or lstm.proj_size or not lstm.bias:
            raise UsageError(f"no graph holds {lstm}: only LSTMs of one direction, over [T, B, C], with biases")
        self.num_layers, self.hidden_size = lstm.num_layers, lstm.hidden_size
        for name, parameter in lstm.named_parameters():
            self.register_parameter(name, parameter)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        y, hidden, cell = run_lstm(x, *state, list(self.parameters()))
        return y, (hidden, cell)


def make_traceable(module: nn.Module) -> None:
    """Replace every nn.LSTM within `module`."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.LSTM):
                setattr(parent, name, TraceableLSTM(child))
