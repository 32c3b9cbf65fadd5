"""Compressed complex STFT distance: waveform fidelity, weighted as loudness is."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.layers.hann import hann_spectra


def stft(wav: Tensor, window_length: int) -> Tensor:
    """`hann_spectra` [B, bins, frames] of wav [B, N], hop a quarter of the window, frames centred on 0, hop, 2 hop, ...

    Half a window beyond either end the wav is mirrored. UsageError: a wav too short for that.
    """
    beyond = window_length // 2
    if wav.shape[-1] <= beyond:
        raise UsageError(f"{wav.shape[-1]} samples are too few to compare spectra of {window_length}: give > {beyond}")
    return hann_spectra(F.pad(wav, (beyond, beyond), mode="reflect"), window_length, window_length // 4)


class ComplexSTFTLoss(nn.Module):
    """Mean | |X|^(p-1) X - |Y|^(p-1) Y | over bins, frames and windows (p = 0.3; Braun and Tashev, 2021, eq. 4, L1).

    Compression makes quiet bins count nearly as much as loud ones, the phase of both counts in full.
    """

    def __init__(self, window_lengths: Sequence[int] = (256, 512, 1024), exponent: float = 0.3) -> None:
        super().__init__()
        self.window_lengths = tuple(window_lengths)
        self.exponent = exponent

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """estimate, reference: [B, 1, N]."""
        total = estimate.new_zeros(())
        for length in self.window_lengths:
            x, y = (self.compressed(stft(wav.squeeze(1), length)) for wav in (estimate, reference))
            total = total + (x - y).square().sum(0).add(1e-10).sqrt().mean()
        return total / len(self.window_lengths)

    def compressed(self, spectrum: Tensor) -> Tensor:
        """|X|^(p-1) X as real pairs [2, ...]; the floor keeps the slope finite in silence."""
        power = spectrum.real.square() + spectrum.imag.square() + 1e-8
        return torch.stack([spectrum.real, spectrum.imag]) * power.pow((self.exponent - 1) / 2)
