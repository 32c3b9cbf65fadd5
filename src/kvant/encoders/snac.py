"""The encoder of SNAC (Siuzdak et al., 2024): DAC's, with convolutions that keep channels apart."""

from collections.abc import Callable, Sequence
from math import prod

from torch import Tensor, nn

from kvant.encoders.dac import encoder_block
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
        layers: list[nn.Module] = [nn.Conv1d(1, channels, 7, padding=3)]
        for stride in strides:
            layers.append(encoder_block(channels, stride, depthwise=True))
            channels *= 2
        if attention:
            layers.append(attention(channels))
        layers.append(nn.Conv1d(channels, channels, 7, padding=3, groups=channels))
        super().__init__(*layers)
        self.latent_dim = channels
        self.hop_length = prod(strides)

    def forward(self, wav: Tensor) -> Tensor:
        return self.piece(wav, 0)

    def piece(self, x: Tensor, start: int | Tensor) -> Tensor:
        for layer in self.layers:
            x = layer.piece(x, start // self.hop_length) if isinstance(layer, LocalAttention) else layer(x)
        return x
