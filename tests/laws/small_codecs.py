"""Codecs whose default config is too large for a test, small."""

from collections.abc import Callable
from dataclasses import replace

import torch

from kvant.codec import Codec
from kvant.codecs import encodec, mimi, soundstream
from kvant.layers.seanet import SEANetConfig
from kvant.layers.transformer import TransformerConfig

MIMI = mimi.Config(
    latent_dim=32,
    num_codebooks=6,
    codebook_size=64,
    codebook_dim=12,
    seanet=SEANetConfig(filters=4, strides=(4, 5, 8), last_kernel_size=3),
    transformer=TransformerConfig(layers=2, heads=4, hidden=48, window=21, layer_scale=0.3),
)
"""A hop of 320 samples; ten and a half of them in a window."""


def small_encodec() -> Codec:
    seanet = SEANetConfig(filters=4, strides=(4, 8, 10))
    return level(encodec.build(encodec.Config(latent_dim=4, num_codebooks=8, codebook_size=256, seanet=seanet)))


def small_mimi() -> Codec:
    return level(mimi.build(MIMI))


def small_soundstream() -> Codec:
    seanet = replace(soundstream.Config().seanet, filters=4, strides=(4, 8, 10))
    return level(soundstream.build(soundstream.Config(latent_dim=6, num_codebooks=8, codebook_size=256, seanet=seanet)))


@torch.no_grad()
def level(codec: Codec) -> Codec:
    """With convolutions that keep the level of what goes through them: torch's start divides it by 1.7."""
    for parameter in codec.parameters():
        if parameter.dim() == 3:
            parameter.mul_(3**0.5)
    return codec


SMALL: dict[str, Callable[[], Codec]] = {
    "encodec": small_encodec,
    "mimi": small_mimi,
    "soundstream": small_soundstream,
}
"""Architecture name -> a codec of it."""
