"""The residual unit of DAC, SNAC and BigCodec: a dilated convolution and a pointwise one, a Snake before each."""

from collections.abc import Callable

from torch import Tensor, nn

from kvant.layers.channels_last import Conv1d
from kvant.layers.depthwise_conv import DepthwiseConv1d
from kvant.layers.snake import Snake
from kvant.receptive_field import ReceptiveField, receptive_field

KERNEL = 7

Nonlinearity = Callable[[int], nn.Module]
"""Builds the nonlinearity of so many channels, with a known receptive field."""


class SnakeUnit(nn.Module):
    """x + W1 Snake(W7 Snake(x)) for x [B, C, T]; W7 spans 7 samples, `dilation` apart (Kumar et al., 2023).

    It sees 3 * dilation samples to either side. depthwise: W7 keeps channels apart (SNAC: Siuzdak et al., 2024).
    nonlinearity: another in place of Snake.
    """

    def __init__(
        self, channels: int, dilation: int, depthwise: bool = False, nonlinearity: Nonlinearity = Snake
    ) -> None:
        super().__init__()
        reach = KERNEL // 2 * dilation
        wide = (
            DepthwiseConv1d(channels, KERNEL, dilation)
            if depthwise
            else Conv1d(channels, channels, KERNEL, dilation=dilation, padding=reach)
        )
        self.layers = nn.Sequential(
            nonlinearity(channels),
            wide,
            nonlinearity(channels),
            Conv1d(channels, channels, 1),
        )

    @property
    def receptive_field(self) -> ReceptiveField:
        return ReceptiveField().beside(receptive_field(self.layers))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def snake_units(channels: int, depthwise: bool = False, nonlinearity: Nonlinearity = Snake) -> list[nn.Module]:
    """Three units of dilations 1, 3 and 9, which see 39 samples to either side (if the nonlinearity sees none)."""
    return [SnakeUnit(channels, dilation, depthwise, nonlinearity) for dilation in (1, 3, 9)]
