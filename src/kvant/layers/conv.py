"""Causal convolution with explicit state."""

from torch import Tensor

from kvant.errors import UsageError
from kvant.layers.channels_last import Conv1d, along_time
from kvant.protocols import State
from kvant.streaming import Causal


def last_of(x: Tensor, count: int) -> Tensor:
    """The last `count` times of x [B, C, T], for a state: a copy, which does not keep all of the block in memory."""
    return x[..., x.shape[-1] - count :].clone()


class CausalConv1d(Causal):
    """Convolution over [B, C, T] that sees the present and the past: output t ends with input (t + 1) stride - 1.

    The state is the (kernel_size - 1) dilation - (stride - 1) input frames before the present ones, zeros at the start:
    the usual left zero padding, made explicit. Blocks are whole multiples of the stride (UsageError).
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        kernel_size: int,
        dilation: int = 1,
        groups: int = 1,
        stride: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.conv = Conv1d(channels, out_channels, kernel_size, stride, dilation=dilation, groups=groups, bias=bias)
        self.stride = stride
        self.context = (kernel_size - 1) * dilation - (stride - 1)
        if self.context < 0:
            raise UsageError(f"a kernel of {kernel_size} leaves gaps at a stride of {stride}: make it at least as long")

    def initial_state(self, batch: int) -> State:
        return self.conv.weight.new_zeros(batch, self.conv.in_channels, self.context)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if x.shape[-1] % self.stride:
            raise UsageError(f"a block of {x.shape[-1]} frames: give whole multiples of the stride {self.stride}")
        x = along_time(state, x)
        return self.conv(x), last_of(x, self.context)
