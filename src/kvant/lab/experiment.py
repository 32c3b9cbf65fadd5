"""What an experiment is, and what it finds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from kvant.lab.bench import Bench

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Check(NamedTuple):
    """An asserted outcome. claim: what must hold. measured: the figures it is judged by."""

    claim: str
    measured: str
    holds: bool


class Finding(NamedTuple):
    """What an experiment found.

    rows: tidy, one measurement a row. draw: draws it on a figure of `lab.figure.SIZE`. seen: a paragraph that says what
    is seen and why, its figures from `rows`.
    """

    rows: list[dict[str, float | int | str]]
    draw: "Callable[[Figure], None]"
    seen: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Experiment:
    """name: such as 'a1-gradient-atlas'. question: one sentence. needs_corpus: whether the bench must have one."""

    name: str
    title: str
    question: str
    run: Callable[[Bench], Finding]
    needs_corpus: bool = False
