"""The encoder of SNAC (Siuzdak et al., 2024): DAC's, with convolutions that keep channels apart."""

from collections.abc import Sequence

from torch import nn

from kvant.encoders.dac import encoder_block
from kvant.streaming import LookAheadChain


class SNACEncoder(LookAheadChain):
    """wav [B, 1, T * hop] -> latents [B, D, T], hop being the product of `strides`, D = channels * 2^len(strides).

    Conv7 to `channels`, for each stride three depthwise residual units and a convolution of 2 s taps that doubles the
    channels, then a depthwise Conv7. Zeros stand for what lies outside the signal.
    """

    def __init__(self, channels: int, strides: Sequence[int]) -> None:
        layers: list[nn.Module] = [nn.Conv1d(1, channels, 7, padding=3)]
        for stride in strides:
            layers.append(encoder_block(channels, stride, depthwise=True))
            channels *= 2
        layers.append(nn.Conv1d(channels, channels, 7, padding=3, groups=channels))
        super().__init__(*layers)
        self.latent_dim = channels
