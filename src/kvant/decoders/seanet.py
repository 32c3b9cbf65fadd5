"""The SEANet decoder (Tagliasacchi et al., 2020), as codecs use it since SoundStream (Zeghidour et al., 2021)."""

from itertools import pairwise

from kvant.layers.conv import CausalConv1d
from kvant.layers.seanet import Convolution, SEANetConfig, Skip, elu, pointwise_skip, residual_units
from kvant.layers.transposed_conv import CausalTransposedConv1d
from kvant.streaming import Causal, Chain


class SEANetDecoder(Chain):
    """latents [B, D, T] -> wav [B, 1, T hop], the encoder backwards.

        conv -> recurrence -> (ELU -> transposed conv, kernel 2 s, stride s -> units) for every stride s -> ELU -> conv

    recurrence: what runs at the frame rate over `config.widest` channels after the first convolution.
    """

    def __init__(
        self,
        config: SEANetConfig,
        latent_dim: int,
        recurrence: Causal,
        skip: Skip = pointwise_skip,
        convolution: Convolution = CausalConv1d,
    ) -> None:
        widths = [config.filters * 2**depth for depth in range(len(config.strides), -1, -1)]
        parts: list[Causal] = [convolution(latent_dim, config.widest, config.kernel_size), recurrence]
        for stride, (width, narrower) in zip(reversed(config.strides), pairwise(widths), strict=True):
            parts += [elu(), CausalTransposedConv1d(width, narrower, 2 * stride, stride)]
            parts += residual_units(config, narrower, skip, convolution)
        super().__init__(*parts, elu(), convolution(config.filters, 1, config.last_kernel_size))
