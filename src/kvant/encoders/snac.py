"""The encoder of SNAC (Siuzdak et al., 2024): DAC's, with convolutions that keep channels apart."""

from collections.abc import Callable, Sequence

from torch import nn

from kvant.encoders.dac import encoder_block
from kvant.layers.channels_last import Conv1d
from kvant.layers.depthwise_conv import DepthwiseConv1d
from kvant.layers.local_attention import LocalAttention
from kvant.streaming import LookAheadChain


class SNACEncoder(LookAheadChain):
    """wav [B, 1, T * hop] -> latents [B, D, T], hop being the product of `strides`, D = channels * 2^len(strides).

    Conv7 to `channels`, for each stride three depthwise residual units and a convolution of 2 s taps that doubles the
    channels, then a depthwise Conv7. Zeros stand for what lies outside the signal. attention: builds what the models
    for music have before the last convolution, over so many channels.
    """

    def __init__(
        self, channels: int, strides: Sequence[int], attention: Callable[[int], LocalAttention] | None = None
    ) -> None:
        layers: list[nn.Module] = [Conv1d(1, channels, 7, padding=3)]
        for stride in strides:
            layers.append(encoder_block(channels, stride, depthwise=True))
            channels *= 2
        if attention:
            layers.append(attention(channels))
        layers.append(DepthwiseConv1d(channels, 7))
        super().__init__(*layers)
        self.latent_dim = channels
