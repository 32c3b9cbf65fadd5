"""The decoder of DAC (Kumar et al., 2023): transposed convolutions, with Snakes."""

from collections.abc import Sequence
from math import ceil, prod

import torch.nn.functional as F
from torch import Tensor, nn

from kvant.layers.channels_last import Conv1d, ConvTranspose1d
from kvant.layers.snake import Snake
from kvant.layers.snake_unit import snake_units
from kvant.streaming import LookAheadChain


class DACDecoder(LookAheadChain):
    """latents [B, D, T] -> wav [B, 1, T * hop] within (-1, 1), hop being the product of `strides`.

    Conv7 to `channels`, then for each stride s Snake, a transposed convolution of 2 s taps that halves the channels and
    three residual units, then Snake, Conv7 and tanh.

    A transposed convolution of odd stride gives one sample less than T * s, which the strides behind it multiply: with
    (8, 5, 4, 2), 8 samples at the end of the signal are never computed. They are silent here; DAC leaves them out.
    """

    def __init__(self, latent_dim: int, channels: int, strides: Sequence[int]) -> None:
        layers: list[nn.Module] = [Conv1d(latent_dim, channels, 7, padding=3)]
        for stride in strides:
            up = ConvTranspose1d(channels, channels // 2, 2 * stride, stride, padding=ceil(stride / 2))
            channels //= 2
            layers.append(nn.Sequential(Snake(2 * channels), up, *snake_units(channels)))
        layers += [Snake(channels), Conv1d(channels, 1, 7, padding=3), nn.Tanh()]
        super().__init__(*layers)
        self.hop_length = prod(strides)

    def piece(self, x: Tensor, start: int | Tensor) -> Tensor:
        wav = super().piece(x, start)
        return F.pad(wav, (0, x.shape[-1] * self.hop_length - wav.shape[-1]))
