"""What an ablation found out, as values and as JSON: a file a cell and seed, and all of them together."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kvant.errors import UsageError
from kvant.evaluation.results import plain
from kvant.evaluation.table import Scale
from kvant.files import atomic_write

BASE = "base"
DONE, DIVERGED, FAILED = "done", "diverged", "failed"
FORMAT, CELL_FORMAT = "kvant-ablation", "kvant-ablation-cell"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Level:
    """Use of one level's codes on held-out audio: share in use, 2^entropy, codes there are, frames counted."""

    usage: float
    perplexity: float
    size: int
    frames: int


@dataclass(frozen=True)
class Rate:
    """At `levels` codes a frame: bit/s of the codes, latent SNR in dB, and scores by name of the metric.

    scores: the mean over clips.
    """

    levels: int
    bitrate: float
    snr: float
    scores: dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """One cell with one seed. status: done, diverged (not finite), or failed; then `reason` says why, no figures exist.

    fingerprint: of all that the figures depend on. seconds: of processor time to train. held_out: the last held-out
    losses by name. choices: by axis.
    """

    cell: str
    seed: int
    fingerprint: str
    status: str
    choices: dict[str, str]
    reason: str = ""
    seconds: float = math.nan
    held_out: dict[str, float] | None = None
    levels: tuple[Level, ...] = ()
    rates: tuple[Rate, ...] = ()


@dataclass(frozen=True)
class Results:
    """A grid with its outcomes. about: data, clips, steps, processor, versions. groups: question -> names of cells."""

    title: str
    about: dict[str, Any]
    scales: tuple[Scale, ...]
    groups: dict[str, tuple[str, ...]]
    outcomes: tuple[Outcome, ...]

    @property
    def cells(self) -> list[str]:
        """Names, in the order of the grid: the base first."""
        return list(dict.fromkeys(each.cell for each in self.outcomes))

    def of(self, cell: str) -> list[Outcome]:
        """Of all seeds, those that are done."""
        return [each for each in self.outcomes if each.cell == cell and each.status == DONE]


def write_outcome(path: Path, outcome: Outcome) -> None:
    """One JSON, whole or not at all."""
    content = {"format": CELL_FORMAT, "format_version": FORMAT_VERSION, **asdict(outcome)}
    write_text(path, json.dumps(plain(content), indent=1, allow_nan=False) + "\n")


def read_outcome(path: Path) -> Outcome:
    """UsageError: it is not one of this version."""
    return _outcome(_content(path, CELL_FORMAT))


def write_results(path: Path, results: Results) -> None:
    """All in one JSON; an outcome takes a line."""
    head = {"format": FORMAT, "format_version": FORMAT_VERSION, "title": results.title, "about": results.about}
    head |= {"scales": [scale._asdict() for scale in results.scales], "groups": results.groups}
    lines = ",\n".join(f"  {json.dumps(plain(asdict(each)), allow_nan=False)}" for each in results.outcomes)
    text = json.dumps(plain(head), indent=1, allow_nan=False).removesuffix("\n}")
    write_text(path, f'{text},\n "outcomes": [\n{lines}\n ]\n}}\n')


def read_results(path: Path) -> Results:
    """What `write_results` wrote. UsageError: something else."""
    content = _content(path, FORMAT)
    try:
        groups = {question: tuple(cells) for question, cells in content["groups"].items()}
        scales = tuple(Scale(**scale) for scale in content["scales"])
        outcomes = tuple(map(_outcome, content["outcomes"]))
        return Results(content["title"], content["about"], scales, groups, outcomes)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: not the results of an ablation ({type(error).__name__}: {error})") from error


def write_text(path: Path, text: str) -> None:
    """Whole or not at all."""
    with atomic_write(path, overwrite=True) as file:
        file.write(text.encode())


def _content(path: Path, kind: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if (content.pop("format"), content.pop("format_version")) == (kind, FORMAT_VERSION):
            return content
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, AttributeError, TypeError):
        pass
    raise UsageError(f"{path}: not of this version ({kind} {FORMAT_VERSION}); remove it")


def _outcome(content: Mapping[str, Any]) -> Outcome:
    rates = tuple(Rate(**_revived(each) | {"scores": _revived(each["scores"])}) for each in content["rates"])
    levels = tuple(Level(**_revived(each)) for each in content["levels"])
    held_out = None if content["held_out"] is None else _revived(content["held_out"])
    return Outcome(**_revived(content) | {"rates": rates, "levels": levels, "held_out": held_out})


def _revived(entry: Mapping[str, Any]) -> dict[str, Any]:
    """NaN for null."""
    return {name: math.nan if value is None else value for name, value in entry.items()}
