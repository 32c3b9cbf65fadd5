"""Convolutions that look as far ahead as back, with silence or a mirror at the edges of the signal."""

from fractions import Fraction

import torch.nn.functional as F
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.layers.channels_last import Conv1d, ConvTranspose1d
from kvant.layers.mirrored_conv import mirror
from kvant.receptive_field import ReceptiveField
from kvant.streaming import LookAhead


class CentredConv1d(LookAhead):
    """Convolution [B, C, N] -> [B, C', ceil(N / stride)] of a signal continued by silence.

    Of P = (kernel_size - 1) dilation - (stride - 1) zeros, ceil(P / 2) come before it and floor(P / 2) behind, and
    there as many more as N lacks to whole strides. UsageError: a kernel that leaves gaps, or at stride 1 has no centre.
    """

    completes = True

    def __init__(
        self, channels: int, out_channels: int, kernel_size: int, dilation: int = 1, groups: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = Conv1d(channels, out_channels, kernel_size, stride, dilation=dilation, groups=groups)
        self.stride = stride
        self.reach = (kernel_size - 1) * dilation
        padding = self.reach - (stride - 1)
        if padding < 0:
            raise UsageError(f"a kernel of {kernel_size} leaves gaps at a stride of {stride}: make it at least as long")
        if stride == 1 and padding % 2:
            raise UsageError(f"a kernel of {kernel_size} has no centre: make it odd")
        self.after = padding // 2
        self.before = padding - self.after

    @property
    def receptive_field(self) -> ReceptiveField:
        return ReceptiveField(Fraction(self.before), Fraction(self.reach - self.before), Fraction(self.stride))

    def continued(self, x: Tensor, before: int, after: int) -> Tensor:
        """x [B, C, N] with so much more on both sides."""
        return F.pad(x, (before, after))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.continued(x, self.before, self.after + -x.shape[-1] % self.stride))


class CentredMirroredConv1d(CentredConv1d):
    """As `CentredConv1d`, but the signal is continued by its mirror (and one too short for that, by silence first).

    Its field says nothing new: of a signal of whole strides, an output at an edge finds what is mirrored within as far
    as it looks anyway. So pieces of a signal may mirror at their cuts what is dropped there (`chunked`).
    """

    def continued(self, x: Tensor, before: int, after: int) -> Tensor:
        return mirror(x, before, after)


def centred_transposed_conv(channels: int, out_channels: int, kernel_size: int, stride: int) -> nn.ConvTranspose1d:
    """[B, C, T] -> [B, C', T stride]: what kernel_size - stride samples are too many, is cut on both sides.

    Half of it at the end, rounded down, and the rest at the start.
    """
    surplus = kernel_size - stride
    padding = surplus - surplus // 2
    return ConvTranspose1d(channels, out_channels, kernel_size, stride, padding, output_padding=surplus % 2)
