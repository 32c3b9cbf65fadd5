"""Lloyd's algorithm (1957, published 1982): alternate nearest-centre assignment and cluster means.

Generators are the CPU's, wherever the points are: so a seed says the same on every device.
"""

import torch
from torch import Tensor


def nearest(points: Tensor, centres: Tensor, half_energies: Tensor | None = None) -> Tensor:
    """int64 [n]: index of the centre [V, d] nearest to each point [n, d]; |x - c|^2 = |x|^2 + 2 (|c|^2/2 - x.c).

    The lower index wins a tie. In float32 at least: in half precision neighbours are one. half_energies: |c|^2/2 [V] of
    whoever knows them already.
    """
    dtype = torch.promote_types(torch.promote_types(points.dtype, centres.dtype), torch.float32)
    points, centres = points.to(dtype), centres.to(dtype)
    energies = centres.square().sum(-1) / 2 if half_energies is None else half_energies.to(dtype)
    return torch.addmm(energies, points, centres.T, alpha=-1).argmin(-1)


def kmeans(points: Tensor, size: int, iterations: int = 10, generator: torch.Generator | None = None) -> Tensor:
    """[size, d] centres of points [n, d], started from random points; an empty cluster restarts at a random point.

    With fewer points than centres, points repeat, a little apart so that every centre can win.
    """
    return lloyd(points, random_centres(points, size, generator), iterations, generator)


def random_centres(points: Tensor, size: int, generator: torch.Generator | None = None) -> Tensor:
    """[size, d] of the points [n, d]; if they are too few, some again with jitter."""
    picks = torch.randperm(len(points), generator=generator)[:size].to(points.device)
    centres = points[picks].clone()
    if len(points) < size:
        extra = torch.randint(len(points), (size - len(points),), generator=generator).to(points.device)
        jitter = torch.randn(len(extra), points.shape[1], generator=generator).to(points.device)
        centres = torch.cat([centres, points[extra] + 1e-3 * points.std() * jitter])
    return centres


def lloyd(points: Tensor, centres: Tensor, iterations: int, generator: torch.Generator | None = None) -> Tensor:
    """`centres` [V, d] after some iterations over points [n, d]; an empty cluster restarts at a random point."""
    size = len(centres)
    for _ in range(iterations):
        codes = torch.cat([nearest(part, centres) for part in points.split(16384)])
        counts = torch.bincount(codes, minlength=size)
        sums = torch.zeros_like(centres).index_add_(0, codes, points)
        centres = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
        empty = (counts == 0).nonzero().squeeze(1)
        restarts = torch.randint(len(points), (len(empty),), generator=generator).to(points.device)
        centres[empty] = points[restarts]
    return centres
