"""Figures in one style: size, type, and colours that the colour-blind can tell apart."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from kvant.extras import import_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE, DPI = (10, 5.6), 150
INK, SOFT, LINE = "#1d1d1f", "#63636b", "#dddbd5"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's palette, the two that differ most first; its yellow, too faint on white, left out."""

STYLE = {
    "font.size": 11,
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
    "figure.titlesize": 14,
    "figure.titleweight": "bold",
}


def render(draw: "Callable[[Figure], None]") -> bytes:
    """PNG, 1500 x 840, of what `draw` draws; 256 colours, a quarter of the bytes. UsageError: no matplotlib."""
    matplotlib = import_extra("matplotlib", "plot", "The laboratory")
    figure_module = import_extra("matplotlib.figure", "plot", "The laboratory")
    image_module = import_extra("PIL.Image", "plot", "The laboratory")
    cycle = import_extra("cycler", "plot", "The laboratory").cycler(color=COLOURS)
    drawn, packed = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE, "axes.prop_cycle": cycle}):
        figure = figure_module.Figure(figsize=SIZE, dpi=DPI, layout="constrained", facecolor="white")
        draw(figure)
        figure.savefig(drawn, format="png")
    image_module.open(drawn).convert("RGB").quantize(256, dither=0).save(packed, "png", optimize=True)
    return packed.getvalue()
