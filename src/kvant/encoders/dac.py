"""The encoder of DAC (Kumar et al., 2023): convolutions of falling rate, with Snakes."""

from collections.abc import Sequence
from math import ceil

from torch import nn

from kvant.layers.channels_last import Conv1d
from kvant.layers.snake import Snake
from kvant.layers.snake_unit import Nonlinearity, snake_units
from kvant.streaming import LookAheadChain


class DACEncoder(LookAheadChain):
    """wav [B, 1, T * hop] -> latents [B, D, T], hop being the product of `strides`.

    Conv7 to `channels`, then for each stride s three residual units and a convolution of 2 s taps that doubles the
    channels, then Snake and Conv3 to D. Zeros stand for what lies outside the signal.
    """

    def __init__(self, channels: int, strides: Sequence[int], latent_dim: int) -> None:
        layers: list[nn.Module] = [Conv1d(1, channels, 7, padding=3)]
        for stride in strides:
            layers.append(encoder_block(channels, stride))
            channels *= 2
        layers += [Snake(channels), Conv1d(channels, latent_dim, 3, padding=1)]
        super().__init__(*layers)


def encoder_block(
    channels: int, stride: int, depthwise: bool = False, nonlinearity: Nonlinearity = Snake
) -> nn.Sequential:
    """[B, channels, T * stride] -> [B, 2 channels, T]: residual units, Snake, and a convolution over two strides."""
    down = Conv1d(channels, 2 * channels, 2 * stride, stride, padding=ceil(stride / 2))
    return nn.Sequential(*snake_units(channels, depthwise, nonlinearity), nonlinearity(channels), down)
