"""Systems against metrics over clips: the rows behind every figure of the documentation."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kvant.errors import UsageError
from kvant.evaluation.alignment import Array, estimate_alignment, shift
from kvant.evaluation.baselines import System
from kvant.evaluation.bootstrap import Interval, bootstrap_mean
from kvant.evaluation.metrics import Metric, UndefinedScore


class Clip(NamedTuple):
    """A recording to evaluate on: float32 wav [N], its rate in Hz, and a name that says where it is from."""

    wav: Array
    sample_rate: int
    name: str


@dataclass(frozen=True)
class Row:
    """One system: payload bit/s over all clips, median delay in samples, share of inverted clips, scores by metric.

    `undefined`: reasons of scores that were not defined, by metric, with their counts.
    """

    system: str
    bitrate: float
    delay: float
    inverted: float
    scores: dict[str, Interval]
    undefined: dict[str, dict[str, int]]


def evaluate(
    systems: Mapping[str, System], clips: Sequence[Clip], metrics: Sequence[Metric], seed: int = 0
) -> list[Row]:
    """Every clip through every system, aligned, scored: mean and 95 % bootstrap interval over clips, a row a system.

    UsageError without clips.
    """
    if not clips:
        raise UsageError("an evaluation needs at least one clip")
    rows = []
    for name, system in systems.items():
        values: dict[str, list[float]] = {metric.name: [] for metric in metrics}
        undefined: dict[str, dict[str, int]] = {}
        bits, seconds, alignments = 0, 0.0, []
        for clip in clips:
            decoded, payload = system(clip.wav, clip.sample_rate)
            bits, seconds = bits + payload, seconds + len(clip.wav) / clip.sample_rate
            alignments.append(estimate_alignment(decoded, clip.wav, clip.sample_rate))
            aligned = shift(decoded, alignments[-1].delay, len(clip.wav))
            for metric in metrics:
                score, reason = _score(metric, aligned, clip)
                values[metric.name].append(score)
                if reason:
                    reasons = undefined.setdefault(metric.name, {})
                    reasons[reason] = reasons.get(reason, 0) + 1
        scores = {metric: bootstrap_mean(each, seed) for metric, each in values.items()}
        delay = float(np.median([alignment.delay for alignment in alignments]))
        inverted = float(np.mean([alignment.inverted for alignment in alignments]))
        rows.append(Row(name, bits / seconds, delay, inverted, scores, undefined))
    return rows


def markdown(rows: Sequence[Row], metrics: Sequence[Metric]) -> str:
    """The rows as a Markdown table: mean and half the width of its interval; an arrow shows which way is better."""
    heads = [
        f"{metric.name}{f' ({metric.unit})' if metric.unit else ''} {'↑' if metric.higher_is_better else '↓'}"
        for metric in metrics
    ]
    lines = ["| system | kbit/s | " + " | ".join(heads) + " |", "|---|--:" + "|--:" * len(heads) + "|"]
    for row in rows:
        cells = [_cell(row.scores[metric.name]) for metric in metrics]
        lines.append(f"| {row.system} | {row.bitrate / 1000:.2f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_json(path: Path, rows: Sequence[Row], **about: object) -> None:
    """The rows, and what is to be known about how they were made (data, seed, versions), as JSON."""
    content = about | {"rows": [asdict(row) | {"scores": _plain(row.scores)} for row in rows]}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _score(metric: Metric, estimate: Array, clip: Clip) -> tuple[float, str]:
    """The score, and why it is NaN if it is undefined; other warnings pass on."""
    reason = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        score = float(metric(estimate, clip.wav, clip.sample_rate)[0])
    for warning in caught:
        if issubclass(warning.category, UndefinedScore):
            reason = str(warning.message)
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return score, reason


def _plain(scores: Mapping[str, Interval]) -> dict[str, dict[str, float | int | None]]:
    return {
        name: {key: None if np.isnan(value) else value for key, value in interval._asdict().items()}
        for name, interval in scores.items()
    }


def _cell(interval: Interval) -> str:
    if interval.values == 0:
        return "n/a"
    digits = 3 if abs(interval.mean) < 1 else 2
    return f"{interval.mean:.{digits}f} ± {(interval.high - interval.low) / 2:.{digits}f}"
