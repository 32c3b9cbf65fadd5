"""Every cell beside the base, in one picture: a row a cell, a column a figure, a colour a rate."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from kvant.ablation.results import BASE, Results
from kvant.ablation.summary import Figure, Summary, depths, figures_of_rate, figures_of_use, summarise
from kvant.extras import import_extra

INK, LINE, SOFT = "#1d1d1f", "#dddbd5", "#8a8883"
COLOURS = ("#b39ddb", "#7e57c2", "#4a2f8f", "#1f1147")
USE = "#0f766e"


def draw(results: Results) -> bytes:
    """PNG. UsageError: matplotlib is not installed."""
    figure_module = import_extra("matplotlib.figure", "plot", "The plot")
    rates = depths(results)
    columns = [list(column) for column in zip(*(figures_of_rate(results, levels) for levels in rates))]
    columns.append(figures_of_use()[:1])
    rows = _rows(results)
    height = 1.3 + 0.235 * len(rows)
    figure = figure_module.Figure((2.6 + 2.35 * len(columns), height), dpi=130, layout="constrained", facecolor="white")
    axes = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for axis, figures in zip(axes, columns):
        _column(axis, results, figures, rows)
    _names(figure, axes[0], rows)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(rates), frameon=False, labelcolor=INK)
    target = io.BytesIO()
    figure.savefig(target, format="png", facecolor="white")
    return target.getvalue()


def _rows(results: Results) -> list[tuple[str, str]]:
    """(cell, text) from top to bottom; a question stands above its cells, whose cell is empty then."""
    rows = [(BASE, BASE)]
    for question, cells in results.groups.items():
        rows += [("", question), *((cell, cell) for cell in cells if cell != BASE)]
    return rows


def _column(axis: Any, results: Results, figures: Sequence[Figure], rows: Sequence[tuple[str, str]]) -> None:
    """One figure at each rate: means with their intervals, and the base's mean as a line.

    Cells without codes are no rivals of the others, and often far from them: their means are written.
    """
    rates = depths(results)
    codeless = {cell for cell in results.cells if not any(each.levels for each in results.of(cell))}
    for place, figure in enumerate(figures):
        summaries: Mapping[str, Summary] = summarise(results, figure)
        colour = USE if len(figures) < len(rates) else COLOURS[place % len(COLOURS)]
        label = f"{rates[place]} level{'s' * (rates[place] > 1)}" if rates else ""
        points = [
            (y, summaries[cell]) for y, (cell, _) in enumerate(rows) if cell in summaries and cell not in codeless
        ]
        if BASE in summaries:
            axis.axvline(summaries[BASE].mean, color=colour, linewidth=0.9, linestyle=":")
        axis.errorbar(
            [summary.mean for _, summary in points],
            [y for y, _ in points],
            xerr=[summary.half for _, summary in points],
            fmt="o",
            color=colour,
            label=label,
            markersize=4.5,
            elinewidth=1.1,
        )
    axis.set_title(figures[0].heading.replace(" (", "\n("), fontsize="medium", color=INK)
    axis.grid(axis="x", color=LINE, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color(LINE)
    axis.tick_params(colors=INK, length=0)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    for y, (cell, _) in enumerate(rows):
        if not cell:
            axis.axhline(y, color=LINE, linewidth=0.6)
        elif not results.of(cell):
            state = next((each.status for each in results.outcomes if each.cell == cell), "not yet")
            axis.text(0.5, y, state, transform=axis.get_yaxis_transform(), ha="center", va="center", color=SOFT)
        elif cell in codeless and (found := summarise(results, figures[-1]).get(cell)):
            written = f"{found.mean:.3g}"
            axis.text(0.5, y, written, transform=axis.get_yaxis_transform(), ha="center", va="center", color=COLOURS[2])


def _names(figure: Any, axis: Any, rows: Sequence[tuple[str, str]]) -> None:
    """Cells beside their rows; questions from the margin across the columns, however long they are."""
    named = [y for y, (cell, _) in enumerate(rows) if cell]
    axis.set_yticks(named, [rows[y][1] for y in named], fontsize=8.5)
    transforms = import_extra("matplotlib.transforms", "plot", "The plot")
    place = transforms.blended_transform_factory(figure.transFigure, axis.transData)
    ground = {"color": "white", "pad": 1.5}
    for y, (cell, question) in enumerate(rows):
        if not cell:
            figure.text(
                0.006,
                y,
                question,
                transform=place,
                va="center",
                fontsize=8.5,
                fontweight="bold",
                color=INK,
                bbox=ground,
            )
