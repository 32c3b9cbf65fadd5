"""The SEANet decoder (Tagliasacchi et al., 2020), as codecs use it since SoundStream (Zeghidour et al., 2021)."""

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
    config: SEANetConfig, latent_dim: int, skip: Skip, convolutions: Convolutions
) -> tuple[nn.Module, list[nn.Module]]:
    """All layers, the one before the recurrence and those behind it."""
    widths = [config.filters * 2**depth for depth in range(len(config.strides), -1, -1)]
    after: list[nn.Module] = []
    for stride, (width, narrower) in zip(reversed(config.strides), pairwise(widths), strict=True):
        after += [elu(), convolutions.up(width, narrower, 2 * stride, stride)]
        after += residual_units(config, narrower, skip, convolutions)
    after += [elu(), convolutions.along(config.filters, config.channels, config.last_kernel_size)]
    return convolutions.along(latent_dim, config.widest, config.kernel_size), after


class SEANetDecoder(Chain):
    """latents [B, D, T] -> wav [B, C, T hop], the encoder backwards.

        conv -> recurrence -> (ELU -> transposed conv, kernel 2 s, stride s -> units) for every stride s -> ELU -> conv

    recurrence: what runs at the frame rate over `config.widest` channels after the first convolution. convolutions:
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
        super().__init__(before, recurrence, *after)  # type: ignore[arg-type]


class CentredSEANetDecoder(Recurrent):
    """As `SEANetDecoder`, but each convolution hears as much of what comes as of what was.

    recurrence: may look ahead too, or be an empty `LookAheadChain`.
    """

    def __init__(
        self,
        config: SEANetConfig,
        latent_dim: int,
        recurrence: Causal | LookAhead,
        skip: Skip = pointwise_skip,
        convolutions: Convolutions = CENTRED_MIRRORED,
    ) -> None:
        before, after = layers_around(config, latent_dim, skip, convolutions)
        super().__init__(LookAheadChain(before), recurrence, LookAheadChain(*after))
