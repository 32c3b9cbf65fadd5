"""Multi-scale STFT discriminator of EnCodec (Défossez et al., 2022, section 3.4 and figure 2)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from kvant.discriminators.judging import Panel, activations, at_least
from kvant.layers.hann import hann_spectra
from kvant.protocols import Judgement


def conv(channels: int, out_channels: int, kernel: tuple[int, int], dilation: int = 1, stride: int = 1) -> nn.Conv2d:
    """Over frames (dilated) and bins (strided), padded to keep what is not strided."""
    padding = ((kernel[0] - 1) * dilation // 2, (kernel[1] - 1) // 2)
    return nn.Conv2d(channels, out_channels, kernel, stride=(1, stride), dilation=(dilation, 1), padding=padding)


class STFTDiscriminator(nn.Module):
    """Real and imaginary parts of one resolution -> 2-D convolutions over frames and bins.

    Kernels of 3 frames x 9 bins; three layers see further in time (dilations 1, 2, 4) and halve the bins. As in the
    official code the first layer has no weight normalization, so that its weights can be loaded.
    """

    def __init__(self, window_length: int, channels: int = 32) -> None:
        super().__init__()
        self.window_length = window_length
        dilated = [conv(channels, channels, (3, 9), dilation=dilation, stride=2) for dilation in (1, 2, 4)]
        normed = [weight_norm(layer) for layer in (*dilated, conv(channels, channels, (3, 3)))]
        self.convs = nn.ModuleList([conv(2, channels, (3, 9)), *normed])
        self.conv_post = weight_norm(conv(channels, 1, (3, 3)))

    def forward(self, wav: Tensor) -> Judgement:
        """wav [B, 1, N]; score [B, 1, frames, bins / 8]. A wav shorter than the window is followed by silence."""
        wav = at_least(wav, self.window_length).squeeze(1)
        spectra = hann_spectra(wav, self.window_length, self.window_length // 4).transpose(1, 2)
        features = activations(torch.stack([spectra.real, spectra.imag], dim=1), self.convs, slope=0.2)
        return Judgement(self.conv_post(features[-1]), features)


class MSSTFTDiscriminator(Panel):
    """`STFTDiscriminator` at several window lengths; five, from 128 to 2048, in the paper."""

    def __init__(self, window_lengths: Sequence[int] = (2048, 1024, 512, 256, 128), channels: int = 32) -> None:
        super().__init__(STFTDiscriminator(length, channels) for length in window_lengths)
