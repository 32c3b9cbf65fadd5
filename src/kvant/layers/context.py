"""Stacks of causal ConvNeXt blocks: what frame-rate encoders and decoders know of the frames before."""

from dataclasses import dataclass

from kvant.layers.convnext import ConvNeXtBlock
from kvant.streaming import Chain


@dataclass(frozen=True)
class ContextConfig:
    """A stack of causal ConvNeXt blocks: width, hidden width, and one dilation a block."""

    channels: int = 256
    hidden: int = 768
    dilations: tuple[int, ...] = (1, 1, 2, 2)


def context_stack(config: ContextConfig) -> Chain:
    """[B, channels, T] -> [B, channels, T]: the blocks of `config` in a row."""
    return Chain(*(ConvNeXtBlock(config.channels, config.hidden, dilation=d) for d in config.dilations))
