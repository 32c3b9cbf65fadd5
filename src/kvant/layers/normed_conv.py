"""Centred convolutions whose outputs are normalized over channels and time at once."""

from math import inf

from torch import Tensor, nn

from kvant.layers.centred_conv import CentredMirroredConv1d
from kvant.receptive_field import ReceptiveField, receptive_field
from kvant.streaming import LookAhead


class Normed(LookAhead):
    """conv(x), each item less its mean and over its deviation, with a gain and an offset per channel.

    Group normalization (Wu and He, 2018) of one group: mean and deviation are of all channels and of all of the signal,
    so that every output depends on all of it.
    """

    completes = True

    def __init__(self, conv: nn.Module, channels: int) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.GroupNorm(1, channels)

    @property
    def receptive_field(self) -> ReceptiveField:
        return receptive_field(self.conv)._replace(left=inf, right=inf)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


def normed_conv(
    channels: int, out_channels: int, kernel_size: int, dilation: int = 1, groups: int = 1, stride: int = 1
) -> Normed:
    """Of a signal that is mirrored at its edges."""
    return Normed(CentredMirroredConv1d(channels, out_channels, kernel_size, dilation, groups, stride), out_channels)


class NormedTransposedConv1d(Normed):
    """To a higher rate, as `centred_transposed_conv`; what is cut on both sides counts for mean and deviation, too."""

    def __init__(self, channels: int, out_channels: int, kernel_size: int, stride: int) -> None:
        super().__init__(nn.ConvTranspose1d(channels, out_channels, kernel_size, stride), out_channels)
        surplus = kernel_size - stride
        self.cut = slice(surplus - surplus // 2, -(surplus // 2) or None)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[..., self.cut]


def normed_matrix(channels: int, out_channels: int) -> Normed:
    """A map over the channels of every frame."""
    return Normed(nn.Conv1d(channels, out_channels, 1), out_channels)
