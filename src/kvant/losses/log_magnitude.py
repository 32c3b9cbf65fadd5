"""Log-magnitude distance of spectra, bin by bin: what mel bands leave open."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kvant.losses.stft import stft


def log_magnitude(spectrum: Tensor, floor: float) -> Tensor:
    """log10 of |X|, floored: half the log of |X|^2 + floor^2, whose slope is finite in silence."""
    power = spectrum.real.square() + spectrum.imag.square()
    return 0.5 * torch.log10(power + floor**2)


class LogMagnitudeLoss(nn.Module):
    """Mean |log10 |X| - log10 |Y|| over bins, frames and windows (Arik et al., 2019, eq. 4), floored at `floor`.

    A mel band cannot tell a whistle from noise of its energy; the bins between whistles can.
    """

    def __init__(self, window_lengths: Sequence[int] = (512, 2048), floor: float = 1e-4) -> None:
        super().__init__()
        self.window_lengths = tuple(window_lengths)
        self.floor = floor

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """estimate, reference: [B, 1, N]."""
        total = estimate.new_zeros(())
        for length in self.window_lengths:
            x, y = (log_magnitude(stft(wav.squeeze(1), length), self.floor) for wav in (estimate, reference))
            total = total + (x - y).abs().mean()
        return total / len(self.window_lengths)
