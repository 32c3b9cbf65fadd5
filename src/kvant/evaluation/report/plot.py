"""Rate-distortion curves: what a bit buys, ours joined by lines and conventional codecs beside them."""

import io
from collections.abc import Sequence
from typing import Any

from kvant.evaluation.results import Results
from kvant.evaluation.table import Row, Scale
from kvant.extras import import_extra

PREFERRED = ("PESQ-WB", "STOI", "ViSQOL")
MARKERS = "osD^vPXp*"
INK = {False: ("#1d1d1f", "#dddbd5", "#ffffff"), True: ("#ececee", "#36363d", "#1f1f23")}  # text, grid, ground by dark
COLOURS = {  # of codecs, then of baselines; by dark
    False: (
        ("#5b3fa8", "#c2410c", "#0f766e", "#be185d", "#4d7c0f", "#111827", "#7c4a2d", "#9333ea"),
        ("#475569", "#94790a", "#2563a8"),
    ),
    True: (
        ("#b9a3f5", "#fb923c", "#5eead4", "#f472b6", "#a3e635", "#f4f4f5", "#d6a77a", "#d8b4fe"),
        ("#a3b1c4", "#e3c75a", "#7cb7f2"),
    ),
}


def draw(results: Results, dark: bool = False) -> bytes:
    """PNG of up to three metrics over payload kbit/s, with 95 % intervals. UsageError: matplotlib is not installed."""
    figure_module = import_extra("matplotlib.figure", "eval", "The plot")
    scales = chosen(results.scales)
    ink, line, ground = INK[dark]
    figure = figure_module.Figure(figsize=(4.3 * len(scales), 4.2), dpi=130, layout="constrained", facecolor=ground)
    for axis, scale in zip(figure.subplots(1, len(scales), squeeze=False)[0], scales):
        _curves(axis, results, scale, dark)
        axis.set_facecolor(ground)
        axis.grid(color=line, linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(line)
        axis.tick_params(colors=ink, which="both", length=0)
        axis.set_xlabel("payload, kbit/s", color=ink)
        axis.set_title(scale.heading, color=ink, fontsize="medium")
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False, labelcolor=ink)
    target = io.BytesIO()
    figure.savefig(target, format="png", facecolor=ground)
    return target.getvalue()


def chosen(scales: Sequence[Scale]) -> list[Scale]:
    """PESQ-WB, STOI and ViSQOL where they were measured, else the first three that were."""
    return [scale for scale in scales if scale.name in PREFERRED] or list(scales[:3])


def _curves(axis: Any, results: Results, scale: Scale, dark: bool) -> None:
    families = _families(results)
    own, others = COLOURS[dark]
    rates = []
    for place, (name, rows) in enumerate(families.items()):
        codec = _is_codec(name, results)
        palette = own if codec else others
        rank = [each for each in families if _is_codec(each, results) == codec].index(name)
        rows = [row for row in sorted(rows, key=lambda row: row.bitrate) if row.scores[scale.name].values]
        x = [row.bitrate / 1000 for row in rows]
        intervals = [row.scores[scale.name] for row in rows]
        spread = [[i.mean - i.low for i in intervals], [i.high - i.mean for i in intervals]]
        axis.errorbar(
            x,
            [i.mean for i in intervals],
            yerr=spread,
            label=name,
            color=palette[rank % len(palette)],
            marker=MARKERS[place % len(MARKERS)],
            linestyle="-" if codec else ":",
            linewidth=2 if codec else 1,
            markersize=6,
            capsize=3,
            elinewidth=1,
        )
        rates += x
    _rate_axis(axis, rates)


def _is_codec(family: str, results: Results) -> bool:
    """Whether it is one of those examined, however its codes are chosen, and no conventional codec beside them."""
    label = family.removesuffix(", variable").removesuffix(" (refined)").partition(" (beam ")[0]
    return label in results.about["codecs"]


def _rate_axis(axis: Any, rates: list[float]) -> None:
    """Logarithmic, with a label at 0.75 kbit/s and its doublings."""
    axis.set_xscale("log", base=2)
    lowest, highest = min(rates, default=1) / 1.25, max(rates, default=1) * 1.25
    ticks = [0.75 * 2.0**power for power in range(-3, 12)]
    ticks = [tick for tick in ticks if lowest <= tick <= highest]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlim(lowest, highest)


def _families(results: Results) -> dict[str, list[Row]]:
    """Rows by what stands before their rate; the recording is beyond every plot."""
    families: dict[str, list[Row]] = {}
    for row in results.rows:
        if row.system != "recording":
            families.setdefault(row.system.rpartition(" ")[0], []).append(row)
    return families
