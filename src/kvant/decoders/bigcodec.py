"""The decoder of BigCodec (Xin et al., 2024): an LSTM at the frame rate, transposed convolutions, SnakeBetas."""

from collections.abc import Sequence

from torch import nn

from kvant.decoders.snac import upsampling
from kvant.layers.lstm import LSTM
from kvant.layers.recurrent import Recurrent
from kvant.layers.snake_beta import anti_aliased_snake
from kvant.layers.snake_unit import snake_units
from kvant.streaming import LookAheadChain, Residual


class BigCodecDecoder(Recurrent):
    """latents [B, D, T] -> wav [B, 1, T * hop] within (-1, 1), hop being the product of `strides`.

    Conv7 to `channels`, the LSTM around which the input is added, for each stride the nonlinearity, a transposed
    convolution that halves the channels and three residual units, then the nonlinearity, Conv7 and tanh.
    """

    def __init__(self, latent_dim: int, channels: int, strides: Sequence[int], lstm_layers: int) -> None:
        before = LookAheadChain(nn.Conv1d(latent_dim, channels, 7, padding=3))
        recurrence = Residual(LSTM(channels, lstm_layers))
        layers: list[nn.Module] = []
        for stride in strides:
            layers.append(decoder_block(channels, stride))
            channels //= 2
        layers += [anti_aliased_snake(channels), nn.Conv1d(channels, 1, 7, padding=3), nn.Tanh()]
        super().__init__(before, recurrence, LookAheadChain(*layers))


def decoder_block(channels: int, stride: int) -> nn.Sequential:
    """[B, channels, T] -> [B, channels / 2, T * stride]: nonlinearity, transposed convolution, residual units."""
    units = snake_units(channels // 2, nonlinearity=anti_aliased_snake)
    return nn.Sequential(anti_aliased_snake(channels), upsampling(channels, stride), *units)
