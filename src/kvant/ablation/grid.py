"""A grid file: what is held fixed, what is swapped, and which questions that answers."""

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from kvant.ablation.axes import AXES, BASE, Meant, Values, resolve
from kvant.ablation.fixed import fixed_config, with_dropout
from kvant.errors import KvantError, UsageError
from kvant.evaluation.metrics.choice import METRICS
from kvant.training.config import TrainingConfig
from kvant.training.overrides import override

KEYS = ("title", "seeds", "clips", "metrics", "training", "values", "base", "groups")


@dataclass(frozen=True)
class Cell:
    """One quantizer of a grid. name: the choices by which it differs from the base, or `base`. choices: by axis."""

    name: str
    choices: Mapping[str, str]
    meant: Meant


@dataclass(frozen=True)
class Group:
    """Cells that answer one question, beside the base."""

    question: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """Everything a grid file says. training: with corpus, codec and seed of no cell yet. cells: by name, base first."""

    title: str
    seeds: tuple[int, ...]
    clips: int
    metrics: tuple[str, ...]
    training: TrainingConfig
    groups: tuple[Group, ...]
    cells: Mapping[str, Cell] = field(default_factory=dict)

    def config(self, cell: Cell, seed: int, corpus: str) -> TrainingConfig:
        """What the training of a cell depends on."""
        meant = cell.meant
        codec = dataclasses.replace(self.training.codec, quantizer=meant.quantizer)
        config = dataclasses.replace(self.training, name=cell.name, corpus=corpus, codec=codec, seed=seed)
        config = override(config, [f"weights.{weight}" for weight in meant.weights])
        return with_dropout(config, meant.dropout)


def read_grid(path: Path) -> Grid:
    """The grid of a TOML file. UsageError: it cannot be read, or names what does not exist; what does is listed."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); name a grid file such as recipes/ablation.toml") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML ({error})") from error
    try:
        return parse_grid(content, path.stem)
    except KvantError as error:
        raise UsageError(f"{path}: {error}") from error


def parse_grid(content: Mapping[str, Any], title: str = "ablation") -> Grid:
    """The grid that a parsed file describes. UsageError: as `read_grid`."""
    _refuse_unknown(content, KEYS, "the grid")
    values: Values = content.get("values", {})
    _refuse_unknown(values, AXES, "values")
    base = {**BASE, **_choices(content.get("base", {}), "base")}
    cells = {"base": _cell(base, base, values)}
    groups = []
    for entry in content.get("groups", []):
        _refuse_unknown(entry, ("question", "cells", "product"), "a group")
        own = [_cell({**base, **changes}, base, values) for changes in _changes(entry)]
        cells |= {cell.name: cell for cell in own if cell.name not in cells}
        groups.append(Group(entry.get("question", ""), tuple(dict.fromkeys(cell.name for cell in own))))
    metrics = tuple(_listed(content.get("metrics", ["mel", "pesq-wb", "stoi"]), str, "metrics"))
    if unknown := sorted(set(metrics) - set(METRICS)):
        raise UsageError(f"metrics: no {unknown[0]!r}; there is {', '.join(METRICS)}")
    seeds = tuple(_listed(content.get("seeds", [0]), int, "seeds"))
    clips = _listed([content.get("clips", 12)], int, "clips")[0]
    if not seeds or len(set(seeds)) < len(seeds) or clips < 1:
        raise UsageError(f"seeds={list(seeds)}, clips={clips}: give at least one of each, no seed twice")
    training = fixed_config(content.get("training", {}))
    return Grid(content.get("title", title), seeds, clips, metrics, training, tuple(groups), cells)


def _changes(entry: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Choices by which the cells of a group differ from the base: those listed, then all combinations of a product."""
    for listed in entry.get("cells", []):
        yield _choices(listed, "a cell")
    axes = entry.get("product", {})
    _refuse_unknown(axes, AXES, "a product")
    if axes:
        columns = [_listed(column, str, f"product.{axis}") for axis, column in axes.items()]
        yield from (dict(zip(axes, combination)) for combination in product(*columns))


def _choices(table: Mapping[str, Any], where: str) -> dict[str, str]:
    _refuse_unknown(table, AXES, where)
    return {axis: _listed([choice], str, f"{where}: {axis}")[0] for axis, choice in table.items()}


def _cell(choices: Mapping[str, str], base: Mapping[str, str], values: Values) -> Cell:
    swapped = [choice for axis, choice in choices.items() if choice != base[axis]]
    return Cell(", ".join(swapped) or "base", dict(choices), resolve(choices, values))


def _listed(values: Any, kind: type, where: str) -> list[Any]:
    """UsageError unless `values` is a list of that type."""
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise UsageError(f"{where}: must be {'text' if kind is str else 'whole numbers'}, got {values!r}")
    return values


def _refuse_unknown(table: Any, known: Sequence[str], where: str) -> None:
    if not isinstance(table, Mapping):
        raise UsageError(f"{where}: must be a table, got {table!r}")
    if unknown := sorted(set(table) - set(known)):
        raise UsageError(f"{where}: no {unknown[0]!r}; there is {', '.join(known)}")
