"""Level dropout: training with few levels, so that few levels are enough (SoundStream, section III-C).

A policy is called with (batch, full, generator): int64 [batch], the number of codes each item uses, `full` being all.
Draws are on the CPU, so that a resumed run draws what the uninterrupted one would have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class NoDropout:
    """Every item uses all codes: the best at full rate, with prefixes that nobody has practised."""

    def __call__(self, batch: int, full: int, generator: Generator) -> Tensor:
        return torch.full((batch,), full)


@dataclass(frozen=True)
class UniformDropout:
    """With `probability`, any number of codes from 1 to all, each as likely (Kumar et al., 2023)."""

    probability: float = 0.5

    def __call__(self, batch: int, full: int, generator: Generator) -> Tensor:
        return _drawn(batch, range(1, full + 1), full, self.probability, generator)


@dataclass(frozen=True)
class StructuredDropout:
    """With `probability`, one of the `depths` that will be offered as bitrates (Defossez et al., 2022)."""

    depths: tuple[int, ...]
    probability: float = 0.5

    def __call__(self, batch: int, full: int, generator: Generator) -> Tensor:
        return _drawn(batch, self.depths, full, self.probability, generator)


def _drawn(batch: int, depths: Sequence[int], full: int, probability: float, generator: Generator) -> Tensor:
    """int64 [batch], with `probability` one of `depths`, else `full`."""
    drawn = torch.tensor(depths)[torch.randint(len(depths), (batch,), generator=generator)]
    dropped = torch.rand(batch, generator=generator) < probability
    return torch.where(dropped, drawn, full)


LevelDropout = NoDropout | UniformDropout | StructuredDropout
LEVEL_DROPOUTS = (NoDropout, UniformDropout, StructuredDropout)
