"""Bands of hearing: bins of a spectrum grouped at equal steps of the ERB-rate scale (Glasberg and Moore, 1990)."""

import itertools
import math

import torch
from torch import Tensor, nn

from kvant.errors import UsageError


def band_edges(num_bins: int, num_bands: int, nyquist: float) -> list[int]:
    """num_bands + 1 bin indices, 0 to num_bins, at equal steps of 21.4 log10(1 + f/229), at least two bins apart.

    UsageError: more bands than there are bins for.
    """
    top = math.log10(1 + nyquist / 229)
    edges = [0]
    for band in range(1, num_bands):
        frequency = (10 ** (top * band / num_bands) - 1) * 229
        edges.append(max(edges[-1] + 2, round(frequency / nyquist * num_bins)))
    if edges[-1] >= num_bins:
        raise UsageError(f"num_bands={num_bands}: {num_bins} bins are too few for so many; take fewer bands")
    return [*edges, num_bins]


class Bands(nn.Module):
    """Means over bands and back. The last axis is bins or bands. UsageError: as `band_edges`."""

    members: Tensor

    def __init__(self, num_bins: int, num_bands: int, nyquist: float) -> None:
        super().__init__()
        edges = band_edges(num_bins, num_bands, nyquist)
        members = torch.zeros(num_bins, num_bands)
        for band, (low, high) in enumerate(itertools.pairwise(edges)):
            members[low:high, band] = 1
        self.register_buffer("members", members, persistent=False)

    def mean(self, bins: Tensor) -> Tensor:
        """[..., bins] -> [..., bands]: the mean of each band's bins."""
        return bins @ (self.members / self.members.sum(0))

    def spread(self, bands: Tensor) -> Tensor:
        """[..., bands] -> [..., bins]: each bin takes its band's value."""
        return bands @ self.members.T
