"""Parts and codecs that look ahead, for their laws: small ones of every kind, strides odd and even."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from kvant.codecs import dac, snac
from kvant.decoders.by_depth import ByDepth, Told
from kvant.decoders.dac import DACDecoder
from kvant.decoders.snac import SNACDecoder
from kvant.decoders.vocos import BackboneConfig, VocosDecoder
from kvant.encoders.dac import DACEncoder
from kvant.encoders.snac import SNACEncoder
from kvant.heads import CentredISTFTHead
from kvant.layers.adaptive_norm import AdaptiveLayerNorm
from kvant.streaming import LookAhead, LookAheadChain
from tests.laws.implementers import classes_of_parts


def told_decoder() -> VocosDecoder:
    """Of latents and one of three conditions."""
    head = CentredISTFTHead(8, window_length=24, hop_length=6, lead=9)
    return VocosDecoder(5, BackboneConfig(8, 12, blocks=1), head, partial(AdaptiveLayerNorm, 3))


LOOK_AHEAD: dict[type, Callable[[], LookAhead]] = {
    ByDepth: lambda: ByDepth(told_decoder(), (1, 2, 4)),
    DACDecoder: lambda: DACDecoder(latent_dim=6, channels=16, strides=(5, 3, 2)),
    DACEncoder: lambda: DACEncoder(channels=3, strides=(2, 3, 5), latent_dim=6),
    LookAheadChain: lambda: LookAheadChain(nn.Conv1d(1, 4, 7, stride=3, padding=2), nn.Tanh(), nn.Conv1d(4, 6, 1)),
    SNACDecoder: lambda: SNACDecoder(latent_dim=6, channels=16, strides=(5, 3, 2)),
    SNACEncoder: lambda: SNACEncoder(channels=3, strides=(2, 3, 5)),
    Told: lambda: Told(told_decoder(), torch.tensor([1])),
    VocosDecoder: lambda: VocosDecoder(5, BackboneConfig(8, 12, blocks=2), CentredISTFTHead(8, 32, 8, lead=16)),
}

CODECS_LOOKING_AHEAD: dict[str, Any] = {
    "dac": dac.Config(
        sample_rate=16000,
        strides=(2, 4, 5),
        encoder_channels=4,
        decoder_channels=32,
        latent_dim=12,
        num_codebooks=4,
        codebook_size=32,
    ),
    "snac": snac.Config(strides=(2, 5), encoder_channels=4, decoder_channels=16, codebook_size=32),
}
"""Architecture name -> the config of a small codec of it. Those of `CODECS` that are not here must stream."""


def look_ahead_classes() -> Iterator[type]:
    """Every LookAhead subclass below one of the packages of parts."""
    return classes_of_parts(LookAhead)
