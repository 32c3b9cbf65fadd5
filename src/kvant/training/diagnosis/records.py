"""The figures of a run as one list of records, oldest first: read, put in order, asked for one figure's course."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kvant.errors import UsageError

Record = Mapping[str, float]
"""One line of health.jsonl or history.jsonl: `step`, and figures by name."""


class Point(NamedTuple):
    """One figure at one step."""

    step: int
    value: float


def read_records(path: Path) -> list[Record]:
    """The records of a `.jsonl` file, null as NaN; later lines replace earlier ones of the same or a later step.

    A last line without its end was cut when the run was killed, and is left out. UsageError: a damaged line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from error
    records: list[Record] = []
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        record = _parsed(line, f"{path}, line {number}")
        while records and records[-1]["step"] >= record["step"]:
            records.pop()  # a resumed run went back to its last save
        records.append(record)
    return records


def to_json(record: Record) -> dict[str, float | None]:
    """`record` as JSON can hold it: what is not finite becomes null."""
    return {name: value if math.isfinite(value) else None for name, value in record.items()}


def merged(*files: Sequence[Record]) -> list[Record]:
    """Records of several files in order of step; where two share a step, the figures of both."""
    together: dict[float, dict[str, float]] = {}
    for records in files:
        for record in records:
            together.setdefault(record["step"], {}).update(record)
    return [together[step] for step in sorted(together)]


def series(records: Sequence[Record], name: str) -> list[Point]:
    """The course of one figure, over the records that have it."""
    return [Point(int(record["step"]), record[name]) for record in records if name in record]


def names(records: Sequence[Record], pattern: str) -> list[str]:
    """Figures whose whole name matches the regular expression, each once, as they first come."""
    return list(dict.fromkeys(name for record in records for name in record if re.fullmatch(pattern, name)))


def standing(points: Sequence[Point], patience: int, above: float = -math.inf, below: float = math.inf) -> list[Point]:
    """The last unbroken run of points within above < value < below, up to the newest; empty if below `patience`."""
    run: list[Point] = []
    for point in reversed(points):
        if not above < point.value < below:
            break
        run.insert(0, point)
    return run if len(run) >= patience else []


def smooth(points: Sequence[Point], width: int = 3) -> list[Point]:
    """Median of each `width` neighbours, an odd number, at the last one's step: one odd batch is no course."""
    windows = [points[first : first + width] for first in range(len(points) - width + 1)]
    return [Point(window[-1].step, sorted(point.value for point in window)[width // 2]) for window in windows]


def _parsed(line: str, place: str) -> Record:
    try:
        found = json.loads(line)
        record = {str(name): math.nan if value is None else float(value) for name, value in found.items()}
        if not record["step"] >= 0:
            raise ValueError("no step")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{place}: not a record of a run ({error}); remove the line") from error
    return record
