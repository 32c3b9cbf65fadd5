"""Parts and codecs that look ahead, for their laws: small ones of every kind, strides odd and even."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from kvant.codecs import dac, snac
from kvant.decoders.dac import DACDecoder
from kvant.decoders.snac import SNACDecoder
from kvant.encoders.dac import DACEncoder
from kvant.encoders.snac import SNACEncoder
from kvant.streaming import LookAhead, LookAheadChain
from tests.laws.implementers import classes_of_parts

LOOK_AHEAD: dict[type, Callable[[], LookAhead]] = {
    DACDecoder: lambda: DACDecoder(latent_dim=6, channels=16, strides=(5, 3, 2)),
    DACEncoder: lambda: DACEncoder(channels=3, strides=(2, 3, 5), latent_dim=6),
    LookAheadChain: lambda: LookAheadChain(nn.Conv1d(1, 4, 7, stride=3, padding=2), nn.Tanh(), nn.Conv1d(4, 6, 1)),
    SNACDecoder: lambda: SNACDecoder(latent_dim=6, channels=16, strides=(5, 3, 2)),
    SNACEncoder: lambda: SNACEncoder(channels=3, strides=(2, 3, 5)),
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
