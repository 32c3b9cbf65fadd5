"""All that an evaluation found out, as a value and as JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kvant.errors import UsageError
from kvant.evaluation.alignment import Alignment
from kvant.evaluation.clip import Origin
from kvant.evaluation.entropy import EntropyRate
from kvant.evaluation.scoring import Measurement
from kvant.evaluation.self_check import Check
from kvant.evaluation.table import Row, Scale, breakdown, tabulate

FORMAT = "kvant-evaluation"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Results:
    """An evaluation. about: what it was made of and how (data, seed, jobs, processor, versions, codecs, notes).

    entropy: of the systems with codebooks. The rows follow from the measurements, and are not kept but made.
    """

    about: dict[str, Any]
    scales: list[Scale]
    checks: list[Check]
    clips: list[Origin]
    entropy: dict[str, EntropyRate]
    measurements: list[Measurement]

    @cached_property
    def rows(self) -> list[Row]:
        """One of each system over all clips."""
        return tabulate(self.measurements, self.clips, self.about["seed"])

    @cached_property
    def speakers(self) -> dict[str, list[Row]]:
        """The rows of each speaker."""
        return breakdown(self.measurements, self.clips, lambda clip: clip.speaker, self.about["seed"])

    @cached_property
    def languages(self) -> dict[str, list[Row]]:
        """The rows of each language."""
        return breakdown(self.measurements, self.clips, lambda clip: clip.language, self.about["seed"])


def to_json(results: Results) -> str:
    """The results as JSON, NaN and infinities as null; clips and measurements take a line each."""
    content: dict[str, Any] = {"format": FORMAT, "format_version": FORMAT_VERSION, **results.about}
    content["metrics"] = results.scales
    content["self_check"] = results.checks
    content["entropy"] = {name: _fields(rate) | {"trusted": rate.trusted} for name, rate in results.entropy.items()}
    content["rows"] = results.rows
    content["speakers"] = results.speakers
    content["languages"] = results.languages
    content["clips"] = results.clips
    content["measurements"] = results.measurements
    entries = [f"  {json.dumps(key)}: {_block(plain(value))}" for key, value in content.items()]
    return "{\n" + ",\n".join(entries) + "\n}\n"


def from_json(text: str) -> Results:
    """The results that `to_json` wrote. UsageError: something else."""
    try:
        content = json.loads(text)
        if (content.pop("format"), content.pop("format_version")) != (FORMAT, FORMAT_VERSION):
            raise UsageError(f"not the results of an evaluation of this version ({FORMAT} {FORMAT_VERSION})")
        parts = {key: content.pop(key) for key in ("metrics", "self_check", "clips", "entropy", "measurements")}
        for made in ("rows", "speakers", "languages"):
            content.pop(made)
        entropy = {
            name: EntropyRate(rate["bitrate"], rate["frames"], rate["needed"], tuple(rate["bits"]))
            for name, rate in parts["entropy"].items()
        }
        return Results(
            about=content,
            scales=[Scale(**each) for each in parts["metrics"]],
            checks=[Check(**_revived(each)) for each in parts["self_check"]],
            clips=[Origin(**each) for each in parts["clips"]],
            entropy=entropy,
            measurements=[Measurement(**_revived(each)) for each in parts["measurements"]],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"not the results of an evaluation ({type(error).__name__}: {error})") from error


def _revived(entry: dict[str, Any]) -> dict[str, Any]:
    """With an alignment for its alignment, and NaN for each score that is null."""
    scores = {name: math.nan if score is None else score for name, score in entry["scores"].items()}
    return entry | {"alignment": Alignment(**entry["alignment"]), "scores": scores}


def _fields(value: Any) -> dict[str, Any]:
    return dict(value._asdict())


def plain(value: Any) -> Any:
    """Named tuples as objects, numbers that JSON does not know as null."""
    if hasattr(value, "_asdict"):
        return plain(_fields(value))
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _block(value: Any) -> str:
    """JSON, each entry of a list or an object on a line of its own."""
    if isinstance(value, dict) and value:
        lines = [f"    {json.dumps(key, ensure_ascii=False)}: {_line(each)}" for key, each in value.items()]
        return "{\n" + ",\n".join(lines) + "\n  }"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"    {_line(each)}" for each in value) + "\n  ]"
    return _line(value)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
