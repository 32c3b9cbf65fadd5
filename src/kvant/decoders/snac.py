"""The decoder of SNAC (Siuzdak et al., 2024): depthwise convolutions, and noise it can shape at every rate."""

from collections.abc import Callable, Sequence
from math import ceil

from torch import Tensor, nn

from kvant.layers.channels_last import Conv1d, ConvTranspose1d
from kvant.layers.depthwise_conv import DepthwiseConv1d
from kvant.layers.local_attention import LocalAttention
from kvant.layers.noise_block import NoiseBlock
from kvant.layers.snake import Snake
from kvant.layers.snake_unit import snake_units
from kvant.receptive_field import ReceptiveField, receptive_field
from kvant.streaming import LookAhead, LookAheadChain


def upsampling(channels: int, stride: int) -> nn.ConvTranspose1d:
    """[B, channels, T] -> [B, channels / 2, T * stride], by a kernel of two strides."""
    # One more sample at odd strides, where the padding takes one too many.
    padding, output_padding = ceil(stride / 2), stride % 2
    return ConvTranspose1d(channels, channels // 2, 2 * stride, stride, padding, output_padding)


class NoisyUpsampling(LookAhead):
    """[B, channels, T] -> [B, channels / 2, T * stride]: Snake, transposed convolution, noise, three residual units."""

    def __init__(self, channels: int, stride: int, seed: int) -> None:
        super().__init__()
        self.stride, half = stride, channels // 2
        self.up = nn.Sequential(Snake(channels), upsampling(channels, stride))
        self.noise = NoiseBlock(half, seed)
        self.units = nn.Sequential(*snake_units(half, depthwise=True))

    @property
    def receptive_field(self) -> ReceptiveField:
        return receptive_field(self.up).then(receptive_field(self.units))

    def forward(self, x: Tensor) -> Tensor:
        return self.piece(x, 0)

    def piece(self, x: Tensor, start: int | Tensor) -> Tensor:
        return self.units(self.noise(self.up(x), start * self.stride))


class SNACDecoder(LookAheadChain):
    """latents [B, D, T] -> wav [B, 1, T * hop] within (-1, 1), hop being the product of `strides`.

    Depthwise Conv7, a map to `channels`, a `NoisyUpsampling` for each stride, then Snake, Conv7 and tanh. attention:
    builds what the models for music have after the map, over so many channels.
    """

    def __init__(
        self,
        latent_dim: int,
        channels: int,
        strides: Sequence[int],
        attention: Callable[[int], LocalAttention] | None = None,
    ) -> None:
        layers: list[nn.Module] = [
            DepthwiseConv1d(latent_dim, 7),
            Conv1d(latent_dim, channels, 1),
        ]
        if attention:
            layers.append(attention(channels))
        for seed, stride in enumerate(strides):
            layers.append(NoisyUpsampling(channels, stride, seed))
            channels //= 2
        layers += [Snake(channels), Conv1d(channels, 1, 7, padding=3), nn.Tanh()]
        super().__init__(*layers)
