"""The SEANet encoder (Tagliasacchi et al., 2020), as codecs use it since SoundStream (Zeghidour et al., 2021)."""

from itertools import pairwise

from torch import nn

from kvant.layers.recurrent import Recurrent
from kvant.layers.seanet import (
    CAUSAL,
    CENTRED_MIRRORED,
    Convolutions,
    SEANetConfig,
    Skip,
    elu,
    pointwise_skip,
    residual_units,
)
from kvant.streaming import Causal, Chain, LookAhead, LookAheadChain


def layers_around(
    config: SEANetConfig, latent_dim: int, skip: Skip, convolutions: Convolutions, widening: int = 1
) -> tuple[list[nn.Module], list[nn.Module]]:
    """All layers, those before the recurrence and those behind it; widening: see `CentredSEANetEncoder`."""
    widths = [config.filters * 2**depth for depth in range(len(config.strides) + 1)]
    before: list[nn.Module] = [convolutions.along(config.channels, config.filters, config.kernel_size)]
    for stride, (width, wider) in zip(config.strides, pairwise(widths), strict=True):
        before += residual_units(config, width, skip, convolutions)
        before += [elu(), convolutions.along(width, wider, 2 * stride, stride=stride)]
    return before, [elu(), convolutions.along(widening * config.widest, latent_dim, config.last_kernel_size)]


class SEANetEncoder(Chain):
    """wav [B, C, T hop] -> latents [B, D, T]: at every stride residual units, then a convolution twice as wide.

        conv -> (units -> ELU -> conv of kernel 2 s, stride s) for every stride s -> recurrence -> ELU -> conv

    recurrence: what runs at the frame rate over `config.widest` channels before the last convolution. convolutions:
    causal ones.
    """

    def __init__(
        self,
        config: SEANetConfig,
        latent_dim: int,
        recurrence: Causal,
        skip: Skip = pointwise_skip,
        convolutions: Convolutions = CAUSAL,
    ) -> None:
        before, after = layers_around(config, latent_dim, skip, convolutions)
        super().__init__(*before, recurrence, *after)  # type: ignore[arg-type]


class CentredLayers(LookAheadChain):
    """Layers of which those with a stride complete what they are given."""

    completes = True


class CentredSEANetEncoder(Recurrent):
    """As `SEANetEncoder`, but each convolution hears as much of what comes as of what was.

    A wav [B, C, N] of any length gives ceil(N / hop) latents: the convolutions complete its last hop, each its own
    input. recurrence: may look ahead too, or be an empty `LookAheadChain`. widening: times as many channels it gives.
    """

    def __init__(
        self,
        config: SEANetConfig,
        latent_dim: int,
        recurrence: Causal | LookAhead,
        skip: Skip = pointwise_skip,
        convolutions: Convolutions = CENTRED_MIRRORED,
        widening: int = 1,
    ) -> None:
        before, after = layers_around(config, latent_dim, skip, convolutions, widening)
        super().__init__(CentredLayers(*before), recurrence, LookAheadChain(*after))
