"""The encoder of BigCodec (Xin et al., 2024): DAC's with anti-aliased SnakeBetas, and an LSTM at the frame rate."""

from collections.abc import Sequence

from torch import nn

from kvant.encoders.dac import encoder_block
from kvant.layers.lstm import LSTM
from kvant.layers.recurrent import Recurrent
from kvant.layers.snake_beta import anti_aliased_snake
from kvant.streaming import LookAheadChain, Residual


class BigCodecEncoder(Recurrent):
    """wav [B, 1, T * hop] -> latents [B, D, T], hop being the product of `strides`.

    Conv7 to `channels`, for each stride three residual units and a convolution that doubles the channels, the LSTM
    around which the input is added, the nonlinearity, and Conv3 to D.
    """

    def __init__(self, channels: int, strides: Sequence[int], lstm_layers: int, latent_dim: int) -> None:
        layers: list[nn.Module] = [nn.Conv1d(1, channels, 7, padding=3)]
        for stride in strides:
            layers.append(encoder_block(channels, stride, nonlinearity=anti_aliased_snake))
            channels *= 2
        super().__init__(
            LookAheadChain(*layers),
            Residual(LSTM(channels, lstm_layers)),
            LookAheadChain(anti_aliased_snake(channels), nn.Conv1d(channels, latent_dim, 3, padding=1)),
        )
