"""Half the energy of each vector of a codebook, computed once for as long as the vectors stay as they are."""

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

_KNOWN = WeakTensorKeyDictionary()
"""Of weights: their version and place in memory, and the energies. Outside of modules, whose copies go other ways."""


def half_energies(weight: Tensor) -> Tensor:
    """|v|^2 / 2 [V] of the vectors [V, d] of a codebook.

    Whoever searches for a single frame would spend more on them than on the search. The version counter tells of every
    change in place, but for those through `.data`; `forget` is for whoever puts others into the same tensor.
    """
    if torch.compiler.is_compiling() or weight.is_inference() or weight.dtype not in (torch.float32, torch.float64):
        return weight.detach().float().square().sum(-1) / 2
    state = weight._version, weight.data_ptr()
    if weight not in _KNOWN or _KNOWN[weight][0] != state:
        _KNOWN[weight] = state, weight.detach().square().sum(-1) / 2
    energies: Tensor = _KNOWN[weight][1]
    return energies


def forget(weight: Tensor) -> None:
    """Compute them anew next time."""
    _KNOWN.pop(weight, None)
