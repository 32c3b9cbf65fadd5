"""Findings on disk: DIR/NAME/{figure.png, rows.csv, finding.json}, each of which appears whole."""

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kvant.errors import UsageError
from kvant.files import atomic_write
from kvant.lab import EXPERIMENTS
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import render

FIGURE, ROWS, FINDING = "figure.png", "rows.csv", "finding.json"


class Told(NamedTuple):
    """A finding as read back, without its rows. seconds: of CPU time, over `threads` threads."""

    name: str
    title: str
    question: str
    seen: str
    checks: tuple[Check, ...]
    seed: int
    seconds: float
    threads: int

    @property
    def holds(self) -> bool:
        """Whether all checks do."""
        return all(check.holds for check in self.checks)


def write(path: Path, experiment: Experiment, finding: Finding, seed: int, seconds: float, threads: int) -> Told:
    """Make path/NAME, whatever was there. UsageError: it cannot be written, or no matplotlib."""
    about = (experiment.name, experiment.title, experiment.question)
    checks = tuple(check._replace(holds=bool(check.holds)) for check in finding.checks)  # of numpy's and torch's too
    told = Told(*about, finding.seen, checks, seed, round(seconds, 1), threads)
    folder = path / experiment.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made ({error.strerror}); name another folder with -o") from error
    content = told._asdict() | {"checks": [check._asdict() for check in checks]}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    for name, data in ((ROWS, to_csv(finding.rows)), (FIGURE, render(finding.draw)), (FINDING, text.encode())):
        put(folder / name, data)
    return told


def put(path: Path, data: bytes) -> None:
    """Write a file, or replace it."""
    with atomic_write(path, overwrite=True) as file:
        file.write(data)


def to_csv(rows: Sequence[dict[str, float | int | str]]) -> bytes:
    """Columns in the order they first appear; six significant digits; empty where a row has no such value."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows([[_cell(row.get(name, "")) for name in columns] for row in rows])
    return text.getvalue().encode()


def _cell(value: float | int | str) -> str:
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else str(value)
    return str(value)


def read_all(path: Path) -> list[Told]:
    """Findings below `path`, in the order of `EXPERIMENTS`. UsageError: none, or a damaged one."""
    found = [read(path / name) for name in EXPERIMENTS if (path / name / FINDING).is_file()]
    if not found:
        raise UsageError(f"{path}: holds no findings; kvant lab run -o {path} makes them")
    return found


def read(folder: Path) -> Told:
    """What `write` wrote. UsageError: damaged."""
    try:
        content: dict[str, Any] = json.loads((folder / FINDING).read_bytes())
        checks = tuple(Check(**check) for check in content["checks"])
        return Told(**(content | {"checks": checks}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder / FINDING}: damaged ({error}); run {folder.name} again") from error
