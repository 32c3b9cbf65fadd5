"""Multi-resolution STFT magnitude distance: loud bins by spectral convergence, faint ones by logarithms."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kvant.losses.log_magnitude import log_magnitude
from kvant.losses.stft import stft


class MultiResolutionSTFTLoss(nn.Module):
    """|| |Y| - |X| ||_F / || |Y| ||_F + mean |ln |Y| - ln |X||, averaged over windows (Yamamoto et al., 2020).

    X of the estimate, Y of the reference; the Frobenius norm is over the bins and frames of an item, so the first term
    is not symmetric: it measures in units of the reference. Magnitudes are floored at `floor`, silence too.
    """

    def __init__(self, window_lengths: Sequence[int] = (512, 1024, 2048), floor: float = 1e-4) -> None:
        super().__init__()
        self.window_lengths = tuple(window_lengths)
        self.floor = floor

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """estimate, reference: [B, 1, N]."""
        total = estimate.new_zeros(())
        for length in self.window_lengths:
            x, y = (log_magnitude(stft(wav.squeeze(1), length), self.floor) for wav in (estimate, reference))
            total = total + spectral_convergence(10**x, 10**y) + math.log(10) * (x - y).abs().mean()
        return total / len(self.window_lengths)


def spectral_convergence(estimate: Tensor, reference: Tensor) -> Tensor:
    """|| Y - X ||_F / || Y ||_F of magnitudes [B, bins, frames], averaged over items (Arik et al., 2019)."""
    distance, scale = (torch.linalg.vector_norm(part, dim=(1, 2)) for part in (reference - estimate, reference))
    return (distance / scale).mean()
