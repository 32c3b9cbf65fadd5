"""What each codebook is asked and what it answers while a codec runs, whatever quantizer it is part of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kvant.quantizers import TrackedCodebook


class Heard(NamedTuple):
    """latents [n, d] as they came to a codebook's search, codes int64 [n] as they left it."""

    latents: Tensor
    codes: Tensor


def codebooks_of(module: nn.Module) -> list[TrackedCodebook]:
    """The codebooks inside, in order: those of a residual quantizer by level."""
    return [part for part in module.modules() if isinstance(part, TrackedCodebook)]


@contextmanager
def listening(module: nn.Module) -> Iterator[dict[int, Heard]]:
    """While open, every search of codebook number k inside `module` is kept under k, calls in a row."""
    heard: dict[int, Heard] = {}
    codebooks = codebooks_of(module)
    for index, codebook in enumerate(codebooks):
        vars(codebook)["search"] = _kept(index, codebook.search, heard)
    try:
        yield heard
    finally:
        for codebook in codebooks:
            del vars(codebook)["search"]


def _kept(index: int, search: Callable[[Tensor], Tensor], heard: dict[int, Heard]) -> Callable[[Tensor], Tensor]:
    def searched(latents: Tensor) -> Tensor:
        codes = search(latents)
        before = heard.get(index)
        now = Heard(latents.detach(), codes)
        heard[index] = now if before is None else Heard(*map(torch.cat, zip(before, now)))
        return codes

    return searched
