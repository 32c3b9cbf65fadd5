"""Log-magnitude distance of spectra, bin by bin: what mel bands leave open."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kvant.losses.stft import stft


class LogMagnitudeLoss(nn.Module):
    """Mean |log10 |X| - log10 |Y|| over bins, frames and windows (Arik et al., 2019, eq. 4), floored at `floor`.

    A mel band cannot tell a whistle from noise of its energy; the bins between whistles can.
    """

    def __init__(self, window_lengths: Sequence[int] = (512, 1024), floor: float = 1e-4) -> None:
        super().__init__()
        self.window_lengths = tuple(window_lengths)
        self.floor = floor

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """estimate, reference: [B, 1, N]."""
        total = estimate.new_zeros(())
        for length in self.window_lengths:
            x, y = (self.log_magnitude(stft(wav.squeeze(1), length)) for wav in (estimate, reference))
            total = total + (x - y).abs().mean()
        return total / len(self.window_lengths)

    def log_magnitude(self, spectrum: Tensor) -> Tensor:
        """[B, bins, frames]; half the log of the power, whose slope is finite in silence."""
        power = spectrum.real.square() + spectrum.imag.square()
        return 0.5 * torch.log10(power + self.floor**2)
