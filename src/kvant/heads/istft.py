"""Inverse-STFT heads (Siuzdak, 2023, section 3): no upsampling, one spectrum a frame. Causal, and centred."""

import math

import torch
from torch import Tensor, nn

from kvant.layers.centred_istft import CentredISTFT
from kvant.layers.stft import ISTFT
from kvant.protocols import State
from kvant.receptive_field import ReceptiveField
from kvant.streaming import Causal

MAX_LOG_MAGNITUDE = math.log(100)
"""Magnitudes stay below 100, so that one wrong frame early in training cannot blow up the loss."""


def spectra_of(logarithms: Tensor) -> Tensor:
    """X = exp(m) exp(i p), real parts before imaginary, of (m, p), both along the last axis.

    The phase p needs no wrapping: cosine and sine wrap it. Magnitude and phase apart let a loss supervise the magnitude
    while the phase is still wrong.
    """
    log_magnitude, phase = logarithms.chunk(2, dim=-1)
    magnitude = torch.exp(log_magnitude.clamp(max=MAX_LOG_MAGNITUDE))
    return torch.cat([magnitude * torch.cos(phase), magnitude * torch.sin(phase)], dim=-1)


class ISTFTHead(Causal):
    """Hidden frames h [B, C, T] -> wav [B, 1, T * hop], `delay` samples late: (m, p) = W h + b, and `spectra_of`."""

    def __init__(self, channels: int, window_length: int, hop_length: int) -> None:
        super().__init__()
        self.istft = ISTFT(window_length, hop_length)
        self.delay = self.istft.delay
        self.leave = nn.Linear(channels, 2 * (window_length // 2 + 1))

    def initial_state(self, batch: int) -> State:
        return self.istft.initial_state(batch)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        spectra = spectra_of(self.leave(x.transpose(1, 2)))
        return self.istft.step(spectra.transpose(1, 2), state)


class CentredISTFTHead(nn.Module):
    """Hidden frames [B, C, T] -> wav [B, 1, T * hop], not late: as `ISTFTHead`, but overlap-added by `CentredISTFT`."""

    def __init__(self, channels: int, window_length: int, hop_length: int, lead: int) -> None:
        super().__init__()
        self.istft = CentredISTFT(window_length, hop_length, lead)
        self.leave = nn.Linear(channels, 2 * (window_length // 2 + 1))

    @property
    def receptive_field(self) -> ReceptiveField:
        return self.istft.receptive_field

    def forward(self, x: Tensor) -> Tensor:
        return self.istft(spectra_of(self.leave(x.transpose(1, 2))).transpose(1, 2))
