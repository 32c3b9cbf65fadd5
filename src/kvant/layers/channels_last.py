"""Convolutions of torch, computed in the layout in which the library below is fast: channels of a time side by side.

What is fast was measured, on one thread, without gradient. GFLOP/s of a kernel of 7 in torch's own layout and in this
one: 64 channels, 34 and 63 for long signals, 31 and 60 dilated by 9; 384 dilated, 56 and 77; 768 dense, 70 and 35.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDEST, WIDEST_STRIDED = 512, 128
"""Input channels beyond which the layout does not pay."""


SHORTEST = 512
"""Times below which the layout does not pay, since weights have to be brought into it too."""
FEWEST, HEAVIEST = 32, 1 << 16
"""Times below which a kernel of more weights than that is left as it lies: a convolution copies it at each call."""


def last(x: Tensor) -> Tensor:
    """x [B, C, T] as [B, C, 1, T], with channels side by side in memory."""
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)


def free(x: Tensor) -> bool:
    """Whether what torch would do may be done otherwise: on a processor, without gradient, and not for a graph."""
    return not (torch.is_grad_enabled() or torch.compiler.is_compiling() or x.device.type != "cpu")


def pays(x: Tensor, channels: int, widest: int = WIDEST) -> bool:
    """Whether to compute in this layout: free to, and of a size that gains by it."""
    return free(x) and channels <= widest and x.shape[-1] >= SHORTEST


def along_time(*parts: Tensor) -> Tensor:
    """Parts [B, C, n] one after the other, in the layout of the longest."""
    if torch.compiler.is_compiling() or max(parts, key=lambda part: part.shape[-1]).stride(1) != 1:
        return torch.cat(parts, dim=-1)
    return torch.cat([part.transpose(1, 2) for part in parts], dim=1).transpose(1, 2)


class Conv1d(nn.Conv1d):
    """nn.Conv1d, where its kernels are dense."""

    def forward(self, x: Tensor) -> Tensor:
        stride, padding, dilation = self.stride[0], int(self.padding[0]), self.dilation[0]
        if self.groups == 1 and self.weight.numel() > HEAVIEST and x.shape[-1] < FEWEST * stride and free(x):
            heard = F.pad(x, (padding, padding)).unfold(-1, dilation * (self.kernel_size[0] - 1) + 1, stride)
            heard = heard[..., ::dilation].transpose(1, 2).flatten(2)
            return F.linear(heard, self.weight.flatten(1), self.bias).transpose(1, 2)
        if self.groups > 1 or not pays(x, self.in_channels, WIDEST if stride == 1 else WIDEST_STRIDED):
            return super().forward(x)
        if self.in_channels == stride == dilation == 1:
            heard = F.pad(x[:, 0], (padding, padding)).unfold(-1, self.kernel_size[0], 1)
            return F.linear(heard, self.weight[:, 0], self.bias).transpose(1, 2)
        y = F.conv2d(last(x), last(self.weight), self.bias, (1, stride), (0, padding), (1, dilation))
        return y.squeeze(2)


class ConvTranspose1d(nn.ConvTranspose1d):
    """nn.ConvTranspose1d, where its kernels are dense."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if output_size is not None or self.groups > 1 or not pays(x, self.out_channels):
            return super().forward(x, output_size)
        stride, padding, beyond = self.stride[0], int(self.padding[0]), self.output_padding[0]
        y = F.conv_transpose2d(
            last(x), last(self.weight), self.bias, (1, stride), (0, padding), (0, beyond), dilation=(1, 1)
        )
        return y.squeeze(2)
