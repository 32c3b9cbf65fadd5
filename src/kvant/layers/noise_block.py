"""Noise that a decoder adds where it wants it (SNAC: Siuzdak et al., 2024), the same in every decoding."""

import math

import torch
from torch import Tensor, nn

from kvant.layers.channels_last import Conv1d
from kvant.receptive_field import ReceptiveField

WORD = 0xFFFFFFFF


def mixed(words: Tensor) -> Tensor:
    """int64 of 32 bits, each to another such that neighbours have nothing in common: MurmurHash3's last step."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        words = (words ^ (words >> shift)) * factor & WORD
    return words ^ (words >> 16)


def noise_at(start: int | Tensor, count: int, seed: int, like: Tensor) -> Tensor:
    """Standard normal [count] for the places from `start` on, a function of place and seed alone (Box and Muller).

    start: or int64 [B, 1], for noise [B, count].
    """
    places = start + torch.arange(count, device=like.device)
    first = mixed(places + mixed(torch.tensor(2 * seed + 1, device=like.device)) & WORD)
    second = mixed(first + 0x9E3779B9 & WORD)
    radius = torch.sqrt(-2 * torch.log((first.double() + 0.5) / 2**32))
    return (radius * torch.cos(2 * math.pi * (second.double() + 0.5) / 2**32)).to(like.dtype)


class NoiseBlock(nn.Module):
    """x + n W x for x [B, C, T]: white noise n [T], the same for all channels, as loud in each as W says.

    In training n is drawn anew for every item and every call. In evaluation it is a function of the place in the signal
    and of `seed`, so that decoding is repeatable, and pieces of a signal are pieces of its decoding.
    """

    def __init__(self, channels: int, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.linear = Conv1d(channels, channels, 1, bias=False)

    @property
    def receptive_field(self) -> ReceptiveField:
        return ReceptiveField()

    def forward(self, x: Tensor, start: int | Tensor = 0) -> Tensor:
        """start: the place of the first sample of x in the signal, or int64 [B, 1]."""
        if self.training:
            noise = torch.randn(len(x), 1, x.shape[-1], device=x.device, dtype=x.dtype)
        else:
            noise = noise_at(start, x.shape[-1], self.seed, x).unsqueeze(-2)
        return torch.addcmul(x, noise, self.linear(x))
