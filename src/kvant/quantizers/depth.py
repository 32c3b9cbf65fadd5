"""How many levels each item uses: `num_codebooks` as a number for all of them, or as one number each."""

import torch
from torch import Tensor

from kvant.errors import UsageError


def levels_of(num_codebooks: int | None, levels: int) -> int:
    """`num_codebooks`, all `levels` for None. UsageError: outside 1..levels."""
    if num_codebooks is None:
        return levels
    if not 1 <= num_codebooks <= levels:
        raise UsageError(f"num_codebooks={num_codebooks}: this quantizer has 1 to {levels}")
    return num_codebooks


def depths_of(num_codebooks: int | Tensor | None, latents: Tensor, levels: int) -> tuple[Tensor, int]:
    """(int64 [B], levels to compute) of `num_codebooks`: a number 1..levels for all, int64 [B] of 0..levels, or None.

    With a tensor all levels are computed, so that codebooks learn from every item. UsageError: a number outside.
    """
    if isinstance(num_codebooks, Tensor):
        return num_codebooks.to(latents.device), levels
    computed = levels_of(num_codebooks, levels)
    return torch.full((len(latents),), computed, device=latents.device), computed


def used(depths: Tensor, values: Tensor) -> Tensor:
    """values [B, ...] of the items whose depth [B] is above 0; zeros, without gradient, of the others."""
    return torch.where((depths > 0).reshape(-1, *[1] * (values.dim() - 1)), values, 0)
