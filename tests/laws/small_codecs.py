"""Codecs whose default config is too large for a test, small."""

from collections.abc import Callable

import torch

from kvant.codec import Codec
from kvant.codecs import encodec
from kvant.layers.seanet import SEANetConfig


@torch.no_grad()
def small_encodec() -> Codec:
    """Few channels, and convolutions that keep the level of what goes through them: torch's start divides it by 1.7."""
    seanet = SEANetConfig(filters=4, strides=(4, 8, 10))
    codec = encodec.build(encodec.Config(latent_dim=4, num_codebooks=8, codebook_size=256, seanet=seanet))
    for parameter in codec.parameters():
        if parameter.dim() == 3:
            parameter.mul_(3**0.5)
    return codec


SMALL: dict[str, Callable[[], Codec]] = {"encodec": small_encodec}
"""Architecture name -> a codec of it."""
