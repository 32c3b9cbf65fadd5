"""A signal through a part by pieces, each continued by what its outputs depend on: as the whole, in less memory."""

from collections.abc import Callable
from math import isinf

import torch
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.receptive_field import ReceptiveField

TILE = 1 << 20
"""Numbers of a piece of a layer's input: few enough to stay in a cache from one operation to the next."""
Piece = Callable[[Tensor, int], Tensor]
"""What a part makes of a piece [B, C, n] of a longer input, in which it begins at the place given."""


def by_pieces(piece: Piece, field: ReceptiveField, x: Tensor, chunk: int, completes: bool = False) -> Tensor:
    """piece(x, 0) of x [B, C, N], `chunk` stretches at a time, the smallest that are whole inputs and outputs.

    The result is that of the whole but for rounding: what a cut has touched is dropped, and the overlap computed twice.
    completes: the part continues an input that ends within a stretch. UsageError: chunk < 1, or x is empty or ends
    within a stretch that is not completed.
    """
    taken, given = field.stride.numerator, field.stride.denominator
    before, behind = field.overlap(taken)
    stretches, rest = divmod(x.shape[-1], taken)
    if rest and completes:
        # A layer of stride s that lacks m < s inputs may find them m further back than it looks otherwise, by a mirror:
        # over all layers less than a stretch.
        stretches, rest, before = stretches + 1, 0, before + 1
    if chunk < 1 or rest or not stretches:
        raise UsageError(f"chunk {chunk} of {x.shape[-1]} inputs: needs at least 1, and whole multiples of {taken}")
    outputs = []
    for start in range(0, stretches, chunk):
        stop = min(start + chunk, stretches)
        first, last = int(max(start - before, 0)), int(min(stop + behind, stretches))
        y = piece(x[..., first * taken : last * taken], first * taken)
        outputs.append(y[..., (start - first) * given : (stop - first) * given])
    # Time first, so that what lies in memory channel by channel stays so.
    return torch.cat([y.transpose(-1, -2) for y in outputs], dim=-2).transpose(-1, -2)


def in_tiles(layer: nn.Module, field: ReceptiveField, x: Tensor, start: int | Tensor) -> Tensor:
    """layer(x) of a layer of a chain with its field, x [B, C, n] beginning at `start` of the signal; on a processor
    without gradient, what is larger than a cache goes through layers of several operations in tiles."""
    piece = getattr(layer, "piece", lambda part, begin: layer(part))
    if torch.is_grad_enabled() or torch.compiler.is_compiling() or x.device.type != "cpu" or isinstance(start, Tensor):
        return piece(x, start)
    taken, given = field.stride.numerator, field.stride.denominator
    tile = max(TILE // (x.shape[0] * x.shape[1] * max(taken, given)), 1)
    several = isinstance(layer, nn.Sequential) or hasattr(layer, "piece")
    if not several or isinf(field.left + field.right) or x.shape[-1] % taken or x.shape[-1] <= 2 * tile * taken:
        return piece(x, start)
    return by_pieces(lambda part, begin: piece(part, start + begin), field, x, tile)
