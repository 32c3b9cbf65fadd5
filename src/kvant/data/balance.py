"""Which clip is heard next: drawn down a tree of labels, where long branches weigh less than their length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kvant.errors import UsageError


@dataclass(frozen=True)
class Level:
    """One choice on the way to a clip: among the values of `fields`, P proportional to length ** temperature.

    temperature: 1 as recorded, 0 all alike, whatever their length.
    """

    fields: tuple[str, ...]
    temperature: float = 0.5


@dataclass(frozen=True)
class Balance:
    """The choices from the top down; the last one is always among the clips of a branch, by their length.

    By default one choice among the voices (a speaker in a language) by the square root of their length: the longest
    does not drown the others, and the shortest is not heard by heart.
    """

    levels: tuple[Level, ...] = (Level(("speaker", "language")),)


HIERARCHICAL = Balance((Level(("domain",)), Level(("language",)), Level(("speaker",))))
"""First a domain, then a language in it, then a speaker of it."""


class Branch:
    """A node of the tree: its total length, and either further branches or, at a leaf, clips."""

    def __init__(self, members: np.ndarray, lengths: np.ndarray, branches: "list[Branch]", temperature: float) -> None:
        self.length = float(lengths[members].sum())
        self.members, self.branches = members, branches
        weights = lengths[members] if not branches else np.array([each.length for each in branches]) ** temperature
        self.cumulative = (weights / weights.sum()).cumsum()
        self.cumulative /= self.cumulative[-1]

    def draw(self, rng: np.random.Generator) -> int:
        """The number of a clip; one uniform variate a level, as `rng.choice` would use it."""
        chosen = int(self.cumulative.searchsorted(rng.random(), side="right"))
        return self.branches[chosen].draw(rng) if self.branches else int(self.members[chosen])


def tree(labels: Sequence[dict[str, Any]], lengths: np.ndarray, balance: Balance) -> Branch:
    """The tree of clips with these labels and lengths [n] > 0; a label that a clip lacks counts as empty.

    UsageError: no clips, or a length or temperature that is negative, zero for a length, or not a number.
    """
    if not len(lengths) or not np.all(lengths > 0):
        raise UsageError("nothing to draw from: there must be clips, and each must have a length")
    for level in balance.levels:
        if not 0 <= level.temperature < np.inf:
            raise UsageError(f"the temperature of {'+'.join(level.fields)} is {level.temperature}; give 0 to 1")
    return _grow(np.arange(len(lengths)), labels, np.asarray(lengths, float), balance.levels)


def _grow(
    members: np.ndarray, labels: Sequence[dict[str, Any]], lengths: np.ndarray, levels: tuple[Level, ...]
) -> Branch:
    if not levels:
        return Branch(members, lengths, [], 1.0)
    groups: dict[tuple[str, ...], list[int]] = {}
    for member in members:
        groups.setdefault(tuple(labels[member].get(name, "") for name in levels[0].fields), []).append(member)
    branches = [_grow(np.array(each), labels, lengths, levels[1:]) for each in groups.values()]
    return Branch(members, lengths, branches, levels[0].temperature)
