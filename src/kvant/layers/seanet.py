"""What SEANet encoders and decoders are made of (Tagliasacchi et al., 2020; Zeghidour et al., 2021)."""

from dataclasses import dataclass
from typing import Protocol

from torch import nn

from kvant.layers.parallel import Parallel
from kvant.streaming import Causal, Chain, Pointwise


class Convolution(Protocol):
    """Builds a causal convolution; which one says what is heard before the signal: silence, or its mirror."""

    def __call__(
        self, channels: int, out_channels: int, kernel_size: int, dilation: int = 1, groups: int = 1, stride: int = 1
    ) -> Causal: ...


class Skip(Protocol):
    """Builds the way around a residual unit, over so many channels."""

    def __call__(self, channels: int) -> Causal: ...


@dataclass(frozen=True)
class SEANetConfig:
    """Sizes of a SEANet pair.

    filters: channels next to the waveform, doubled at each of the `strides`, which are the encoder's, from the waveform
    on. dilations: one residual unit for each, before every stride. compression: what divides the channels in a unit.
    """

    filters: int = 32
    strides: tuple[int, ...] = (2, 4, 5, 8)
    kernel_size: int = 7
    last_kernel_size: int = 7
    residual_kernel_size: int = 3
    dilations: tuple[int, ...] = (1,)
    compression: int = 2

    @property
    def widest(self) -> int:
        """Channels at the frame rate."""
        return self.filters * 2 ** len(self.strides)


def pointwise_skip(channels: int) -> Causal:
    """A matrix over channels (EnCodec)."""
    return Pointwise(nn.Conv1d(channels, channels, 1))


def identity_skip(channels: int) -> Causal:
    """The input itself (SoundStream, Mimi)."""
    return Pointwise(nn.Identity())


def elu() -> Causal:
    """x where positive, exp(x) - 1 below (Clevert et al., 2015)."""
    return Pointwise(nn.ELU())


def residual_units(config: SEANetConfig, channels: int, skip: Skip, convolution: Convolution) -> list[Causal]:
    """skip(x) + W conv(x), an ELU before each of both, once for every dilation."""
    hidden = channels // config.compression
    return [
        Parallel(
            Chain(
                elu(),
                convolution(channels, hidden, config.residual_kernel_size, dilation),
                elu(),
                Pointwise(nn.Conv1d(hidden, channels, 1)),
            ),
            skip(channels),
        )
        for dilation in config.dilations
    ]
