"""Measurements in rows: one a system, over all clips or over those of one speaker or language."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from kvant.evaluation.bootstrap import Interval, bootstrap_mean
from kvant.evaluation.clip import Origin
from kvant.evaluation.scoring import Measurement


class Scale(NamedTuple):
    """What a metric's numbers mean."""

    name: str
    unit: str
    higher_is_better: bool

    @property
    def heading(self) -> str:
        """Its name, its unit, and an arrow that shows which way is better."""
        return f"{self.name}{f' ({self.unit})' if self.unit else ''} {'↑' if self.higher_is_better else '↓'}"


class Row(NamedTuple):
    """One system: payload bit/s over the clips, median delay in seconds, share of inverted clips, scores by metric.

    encode_speed, decode_speed: seconds of audio a second. undefined: reasons of scores that were not defined, by
    metric, with their counts.
    """

    system: str
    bitrate: float
    delay: float
    inverted: float
    encode_speed: float
    decode_speed: float
    scores: dict[str, Interval]
    undefined: dict[str, dict[str, int]]


def tabulate(measurements: Sequence[Measurement], clips: Sequence[Origin], seed: int = 0) -> list[Row]:
    """Mean and 95 % bootstrap interval over clips, a row a system in the order they first come.

    Measurements name their clip by its index.
    """
    systems: dict[str, list[Measurement]] = {}
    for each in measurements:
        systems.setdefault(each.system, []).append(each)
    return [_row(name, own, [clips[each.clip] for each in own], seed) for name, own in systems.items()]


def breakdown(
    measurements: Sequence[Measurement], clips: Sequence[Origin], group: Callable[[Origin], str], seed: int = 0
) -> dict[str, list[Row]]:
    """The rows of each group of clips, such as those of one speaker, in order of its name."""
    members: dict[str, list[Measurement]] = {}
    for each in measurements:
        members.setdefault(group(clips[each.clip]), []).append(each)
    return {name: tabulate(members[name], clips, seed) for name in sorted(members)}


def quality_table(rows: Sequence[Row], scales: Sequence[Scale]) -> str:
    """The rows as a Markdown table: mean and half the width of its interval; an arrow shows which way is better."""
    heads = [scale.heading for scale in scales]
    lines = ["| system | kbit/s | " + " | ".join(heads) + " |", "|---|--:" + "|--:" * len(heads) + "|"]
    for row in rows:
        cells = [cell(row.scores[scale.name]) for scale in scales]
        lines.append(f"| {row.system} | {row.bitrate / 1000:.2f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(interval: Interval) -> str:
    """`1.25 ± 0.02`, with one digit more below 1; `n/a` where nothing was defined."""
    if interval.values == 0:
        return "n/a"
    digits = 3 if abs(interval.mean) < 1 else 2
    return f"{interval.mean:.{digits}f} ± {(interval.high - interval.low) / 2:.{digits}f}"


def _row(name: str, measurements: Sequence[Measurement], clips: Sequence[Origin], seed: int) -> Row:
    """clips: that of each measurement, whose rate its delay counts in."""
    scores = {
        metric: bootstrap_mean([each.scores[metric] for each in measurements], seed)
        for metric in measurements[0].scores
    }
    seconds = sum(clip.seconds for clip in clips)
    delays = [each.alignment.delay / clip.sample_rate for each, clip in zip(measurements, clips, strict=True)]
    return Row(
        system=name,
        bitrate=sum(each.bits for each in measurements) / seconds,
        delay=float(np.median(delays)),
        inverted=float(np.mean([each.alignment.inverted for each in measurements])),
        encode_speed=seconds / max(sum(each.encode_seconds for each in measurements), 1e-9),
        decode_speed=seconds / max(sum(each.decode_seconds for each in measurements), 1e-9),
        scores=scores,
        undefined=_count(measurements),
    )


def _count(measurements: Sequence[Measurement]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for each in measurements:
        for metric, reason in each.undefined.items():
            reasons = counts.setdefault(metric, {})
            reasons[reason] = reasons.get(reason, 0) + 1
    return counts
