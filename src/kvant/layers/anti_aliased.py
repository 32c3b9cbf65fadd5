"""Nonlinearities at twice the rate, so that the overtones they make do not fold back (Karras et al., 2021)."""

import math
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.receptive_field import ReceptiveField

TAPS = 12
REACH = Fraction(TAPS // 2 - 1)


def kaiser_sinc(taps: int, cutoff: float, half_width: float) -> Tensor:
    """[taps] of a low-pass with unit gain at 0: a sinc under Kaiser's window (Kaiser, 1974), taps even.

        h[n] ~ sinc(2 cutoff t) kaiser(n; beta),  t = n - (taps - 1) / 2,  beta = 0.1102 (A - 8.7),
        A = 2.285 (taps / 2 - 1) 4 pi half_width + 7.95 dB

    cutoff, half_width of the transition: parts of the sample rate, wide enough that the attenuation A exceeds 50 dB.
    """
    attenuation = 2.285 * (taps // 2 - 1) * 4 * math.pi * half_width + 7.95
    window = torch.kaiser_window(taps, periodic=False, beta=0.1102 * (attenuation - 8.7))
    response = window * torch.sinc(2 * cutoff * (torch.arange(taps) - (taps - 1) / 2))
    return response / response.sum()


HALF_BAND = tuple(kaiser_sinc(TAPS, cutoff=0.25, half_width=0.3).tolist())


class AntiAliased(nn.Module):
    """x [B, C, T] -> twice the rate -> nonlinearity -> half the rate, each time through a low-pass at x's Nyquist.

    As in BigVGAN (Lee et al., 2023, section 3.2). The first and the last value stand for what lies outside the signal.
    An output hears five inputs to either side. nonlinearity: of every value alone.
    """

    taps: Tensor

    def __init__(self, nonlinearity: nn.Module) -> None:
        super().__init__()
        self.nonlinearity = nonlinearity
        self.register_buffer("taps", torch.tensor(HALF_BAND), persistent=False)

    @property
    def receptive_field(self) -> ReceptiveField:
        return ReceptiveField(REACH, REACH)

    def forward(self, x: Tensor) -> Tensor:
        taps = self.taps.expand(x.shape[1], 1, -1)
        edged = F.pad(x, (TAPS // 4, TAPS // 4), mode="replicate")
        # What the edges add at twice the rate, and the filter's delay, is cut.
        beyond = TAPS // 2 + TAPS // 2 - 1
        y = self.nonlinearity(2 * F.conv_transpose1d(edged, taps, stride=2, padding=beyond, groups=x.shape[1]))
        edged = F.pad(y, (TAPS // 2 - 1, TAPS // 2), mode="replicate")
        return F.conv1d(edged, taps, stride=2, groups=x.shape[1])
