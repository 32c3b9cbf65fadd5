"""The SEANet encoder (Tagliasacchi et al., 2020), as codecs use it since SoundStream (Zeghidour et al., 2021)."""

from itertools import pairwise

from kvant.layers.conv import CausalConv1d
from kvant.layers.seanet import Convolution, SEANetConfig, Skip, elu, pointwise_skip, residual_units
from kvant.streaming import Causal, Chain


class SEANetEncoder(Chain):
    """wav [B, 1, T hop] -> latents [B, D, T]: at every stride residual units, then a convolution twice as wide.

        conv -> (units -> ELU -> conv of kernel 2 s, stride s) for every stride s -> recurrence -> ELU -> conv

    recurrence: what runs at the frame rate over `config.widest` channels before the last convolution.
    """

    def __init__(
        self,
        config: SEANetConfig,
        latent_dim: int,
        recurrence: Causal,
        skip: Skip = pointwise_skip,
        convolution: Convolution = CausalConv1d,
    ) -> None:
        widths = [config.filters * 2**depth for depth in range(len(config.strides) + 1)]
        parts: list[Causal] = [convolution(1, config.filters, config.kernel_size)]
        for stride, (width, wider) in zip(config.strides, pairwise(widths), strict=True):
            parts += residual_units(config, width, skip, convolution)
            parts += [elu(), convolution(width, wider, 2 * stride, stride=stride)]
        last = convolution(config.widest, latent_dim, config.last_kernel_size)
        super().__init__(*parts, recurrence, elu(), last)
