"""A signal for the tests of the torch side, of any length and with no recordings: harmonics in syllables, and hiss."""

import functools
import math

import torch
from torch import Tensor


def speech(seconds: float, batch: int = 1, seed: int = 0, sample_rate: int = 24000) -> Tensor:
    """wav [batch, 1, N], peak 0.5; every item has its own pitch, rhythm and noise. Drawn once, and a copy each time."""
    return _drawn(seconds, batch, seed, sample_rate).clone()


@functools.lru_cache(maxsize=64)
def _drawn(seconds: float, batch: int, seed: int, sample_rate: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(round(seconds * sample_rate)) / sample_rate
    pitch = 90 + 110 * torch.rand(batch, 1, 1, generator=generator)
    harmonics = torch.arange(1, 30)[:, None]
    phases = 2 * math.pi * torch.rand(batch, 30 - 1, 1, generator=generator)
    glide = time + 0.01 * torch.sin(2 * math.pi * 0.7 * time)
    tones = torch.sin(2 * math.pi * harmonics * pitch * glide + phases) / harmonics
    syllables = torch.sin(2 * math.pi * (3 + torch.rand(batch, 1, 1, generator=generator)) * time).square()
    hiss = torch.randn(batch, 1, len(time), generator=generator) * (1 - syllables) ** 2
    wav = tones.sum(1, keepdim=True) * syllables + 0.1 * hiss
    return 0.5 * wav / wav.abs().amax(dim=-1, keepdim=True).clamp(min=1e-9)
