"""What SEANet encoders and decoders are made of (Tagliasacchi et al., 2020; Zeghidour et al., 2021)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import nn

from kvant.layers.centred_conv import CentredConv1d, CentredMirroredConv1d, centred_transposed_conv
from kvant.layers.channels_last import Conv1d
from kvant.layers.conv import CausalConv1d
from kvant.layers.elu import ELU
from kvant.layers.mirrored_conv import MirroredConv1d
from kvant.layers.normed_conv import NormedTransposedConv1d, normed_conv, normed_matrix
from kvant.layers.parallel import LookAheadParallel, Parallel
from kvant.layers.transposed_conv import CausalTransposedConv1d
from kvant.streaming import Causal, Chain, LookAhead, LookAheadChain, Pointwise


class Convolution(Protocol):
    """Builds a convolution; which one says how far it looks ahead, and what it hears outside the signal."""

    def __call__(
        self, channels: int, out_channels: int, kernel_size: int, dilation: int = 1, groups: int = 1, stride: int = 1
    ) -> Causal | LookAhead: ...


class Skip(Protocol):
    """Builds the way around a residual unit, over so many channels."""

    def __call__(self, channels: int) -> nn.Module: ...


def matrix(channels: int, out_channels: int) -> Causal:
    """A map over the channels of every frame."""
    return Pointwise(Conv1d(channels, out_channels, 1))


class Convolutions(NamedTuple):
    """What a SEANet is built of; with it the whole is Causal, or looks ahead.

    along: time, at a stride to a lower rate. up: of channels, out_channels, kernel_size and stride, to a higher rate.
    across: the channels of every frame.
    """

    along: Convolution
    up: Callable[[int, int, int, int], nn.Module]
    across: Callable[[int, int], nn.Module] = matrix


CAUSAL = Convolutions(CausalConv1d, CausalTransposedConv1d)
CAUSAL_MIRRORED = Convolutions(MirroredConv1d, CausalTransposedConv1d)
CENTRED = Convolutions(CentredConv1d, centred_transposed_conv)
CENTRED_MIRRORED = Convolutions(CentredMirroredConv1d, centred_transposed_conv)
CENTRED_NORMED = Convolutions(normed_conv, NormedTransposedConv1d, normed_matrix)


@dataclass(frozen=True)
class SEANetConfig:
    """Sizes of a SEANet pair.

    filters: channels next to the waveform, doubled at each of the `strides`, which are the encoder's, from the waveform
    on. dilations: one residual unit for each, before every stride. compression: what divides the channels in a unit.
    channels: of the waveform.
    """

    filters: int = 32
    strides: tuple[int, ...] = (2, 4, 5, 8)
    kernel_size: int = 7
    last_kernel_size: int = 7
    residual_kernel_size: int = 3
    dilations: tuple[int, ...] = (1,)
    compression: int = 2
    channels: int = 1

    @property
    def widest(self) -> int:
        """Channels at the frame rate."""
        return self.filters * 2 ** len(self.strides)


def pointwise_skip(channels: int) -> Causal:
    """A matrix over channels (EnCodec)."""
    return matrix(channels, channels)


def identity_skip(channels: int) -> Causal:
    """The input itself (SoundStream, Mimi)."""
    return Pointwise(nn.Identity())


def normed_skip(channels: int) -> LookAhead:
    """A matrix over channels, normalized (EnCodec, 48 kHz)."""
    return normed_matrix(channels, channels)


def elu() -> Causal:
    """x where positive, exp(x) - 1 below (Clevert et al., 2015)."""
    return Pointwise(ELU())


def residual_unit(layers: list[nn.Module], around: nn.Module) -> nn.Module:
    """around(x) + layers(x): causal, if all of them are."""
    if all(isinstance(layer, Causal) for layer in (*layers, around)):
        return Parallel(Chain(*layers), around)  # type: ignore[arg-type]
    return LookAheadParallel(LookAheadChain(*layers), around)


def residual_units(config: SEANetConfig, channels: int, skip: Skip, convolutions: Convolutions) -> list[nn.Module]:
    """skip(x) + W conv(x), an ELU before each of both, once for every dilation."""
    hidden = channels // config.compression
    return [
        residual_unit(
            [
                elu(),
                convolutions.along(channels, hidden, config.residual_kernel_size, dilation),
                elu(),
                convolutions.across(hidden, channels),
            ],
            skip(channels),
        )
        for dilation in config.dilations
    ]
