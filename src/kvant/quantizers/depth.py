"""How many levels each item uses: `num_codebooks` as a number for all of them, or as one number each."""

import operator

import torch
from torch import Tensor

from kvant.errors import UsageError


def levels_of(num_codebooks: int | None, levels: int) -> int:
    """`num_codebooks`, all `levels` for None. UsageError: outside 1..levels, or no whole number."""
    if num_codebooks is None:
        return levels
    if not hasattr(num_codebooks, "__index__") or not min(levels, 1) <= num_codebooks <= levels:
        raise UsageError(f"num_codebooks={num_codebooks}: this quantizer has 1 to {levels}")
    return operator.index(num_codebooks)


def check_depths(num_codebooks: int | Tensor | None, batch: int, levels: int) -> None:
    """UsageError: a number that `levels_of` refuses, or a tensor that is not int64 [B] of 0..levels.

    What a tensor holds is not looked at while compiling: a graph cannot branch on it.
    """
    if not isinstance(num_codebooks, Tensor):
        levels_of(num_codebooks, levels)
    elif num_codebooks.shape != (batch,) or num_codebooks.is_floating_point():
        raise UsageError(
            f"num_codebooks of shape {list(num_codebooks.shape)} and {num_codebooks.dtype}: must be int64 [{batch}], "
            "a depth for each item"
        )
    elif not torch.compiler.is_compiling() and ((num_codebooks < 0) | (num_codebooks > levels)).any():
        raise UsageError(f"num_codebooks={num_codebooks.tolist()}: this quantizer has 0 to {levels} for each item")


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
