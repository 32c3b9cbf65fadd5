"""Weight normalization (Salimans and Kingma, 2016), folded: w = g v / |v|, computed once instead of at each call."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kvant.errors import ModelError

SPELLINGS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
"""How names of g and v end, by torch's hook and its parametrization. The third spelling is a plain weight."""


def fold(gain: Tensor, direction: Tensor) -> Tensor:
    """w = g v / |v|; the norm is over the axes along which g has one value. ModelError where v is zero."""
    axes = [axis for axis in range(direction.dim()) if gain.dim() == 0 or gain.shape[axis] == 1]
    norm = torch.linalg.vector_norm(direction, dim=axes, keepdim=True)
    if not norm.all():
        raise ModelError("weight norm of a zero direction: the checkpoint is damaged or was never trained")
    return direction * (gain / norm)


def fold_weight_norm(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same state with a plain `weight` for every pair (g, v), whichever way it is spelled; all else as it is.

    Plain weights pass, so a folded state folds to itself. ModelError: a g or a v without the other or of shapes that do
    not belong together, a zero v.
    """
    folded = dict(state)
    for gain_end, direction_end in SPELLINGS:
        gains = {name.removesuffix(gain_end) for name in state if _ends(name, gain_end)}
        directions = {name.removesuffix(direction_end) for name in state if _ends(name, direction_end)}
        if alone := sorted(gains ^ directions):
            raise ModelError(f"{alone[0]}{gain_end}: weight norm needs {gain_end} and {direction_end}, one is missing")
        for prefix in gains:
            gain, direction = folded.pop(prefix + gain_end), folded.pop(prefix + direction_end)
            if not _belong_together(gain.shape, direction.shape):
                shapes = f"{list(gain.shape)} and {list(direction.shape)}"
                raise ModelError(f"{prefix}{gain_end}: {gain_end} and {direction_end} of shapes {shapes}")
            folded[f"{prefix}weight"] = fold(gain, direction)
    return folded


def _belong_together(gain: Sequence[int], direction: Sequence[int]) -> bool:
    """Whether g has one value for all of v, or along each of its axes one or as many."""
    same_axes = len(gain) == len(direction) and all(one in (1, size) for one, size in zip(gain, direction, strict=True))
    return not gain or same_axes


def _ends(name: str, ending: str) -> bool:
    """Whether the last parts of a dotted name are `ending`."""
    return name == ending or name.endswith(f".{ending}")
