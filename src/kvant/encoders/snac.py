"""The encoder of SNAC (Siuzdak et al., 2024): DAC's, with convolutions that keep channels apart."""

from collections.abc import Sequence

from torch import Tensor, nn

from kvant.encoders.dac import encoder_block
from kvant.receptive_field import ReceptiveField, receptive_field
from kvant.streaming import LookAhead


class SNACEncoder(LookAhead):
    """wav [B, 1, T * hop] -> latents [B, D, T], hop being the product of `strides`, D = channels * 2^len(strides).

    Conv7 to `channels`, for each stride three depthwise residual units and a convolution of 2 s taps that doubles the
    channels, then a depthwise Conv7. Zeros stand for what lies outside the signal.
    """

    def __init__(self, channels: int, strides: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv1d(1, channels, 7, padding=3)]
        for stride in strides:
            layers.append(encoder_block(channels, stride, depthwise=True))
            channels *= 2
        layers.append(nn.Conv1d(channels, channels, 7, padding=3, groups=channels))
        self.latent_dim = channels
        self.layers = nn.Sequential(*layers)

    @property
    def receptive_field(self) -> ReceptiveField:
        return receptive_field(self.layers)

    def forward(self, wav: Tensor) -> Tensor:
        return self.layers(wav)
