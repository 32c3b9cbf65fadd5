"""b1: the larger a codebook that starts at random and learns by gradient alone, the fewer of its codes it uses."""

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch

from kvant.lab.bench import Bench
from kvant.lab.codebook_trial import Teaching, examine, halves, teach
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS, SOFT
from kvant.lab.latents import DIM
from kvant.quantizers import LearnedCodebook, VectorQuantizer
from kvant.quantizers.gradients import straight_through

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, float | int | str]


SECONDS, EXAMINED = 1800, 400
"""Of speech to learn from, and to be examined on."""
SIZES = (64, 256, 1024, 4096, 16384)
TEACHING = Teaching(steps=300, batch=1024)


def run(bench: Bench) -> Finding:
    """Each size alone, on the same batches; examined before the first step and after the last."""
    heard, unheard = halves(bench, SECONDS, EXAMINED)
    rows: list[Row] = []
    for size in SIZES:
        torch.manual_seed(bench.seed)
        quantizer = VectorQuantizer(LearnedCodebook(size, DIM), straight_through, remedies=())
        rows.append({"size": size, "steps": 0, **examine(quantizer, unheard)._asdict()})
        teach(quantizer, heard, TEACHING, bench.seed)
        rows.append({"size": size, "steps": TEACHING.steps, **examine(quantizer, unheard)._asdict()})
    learned = [row for row in rows if row["steps"]]
    slopes = {what: _slope(learned, what) for what in ("used", "perplexity")}
    worth = [float(np.log2(_codes(row))) for row in learned]
    paid, got = np.log2(SIZES[-1] / SIZES[0]), worth[-1] - worth[0]
    decibels = float(learned[0]["distortion"]) - float(learned[-1]["distortion"])
    beyond = float(learned[-1]["used"]) * (65536 / SIZES[-1]) ** slopes["used"]
    seen = (
        "Vectors start as noise; the nearest moves towards its latents; what has moved is nearer next time; a code "
        f"that wins nothing has no gradient. Of {SIZES[0]} codes {learned[0]['used']:.0%} are in use in the end, of "
        f"{SIZES[-1]:,} {learned[-1]['used']:.1%}. It is learning that empties them: at the first step "
        f"{rows[-2]['used']:.0%} of the largest codebook won latents. The used share falls as "
        f"size^{slopes['used']:.2f} and perplexity over size as size^{slopes['perplexity']:.2f}: not quite the 1/size "
        "of survivors whose number is fixed, which is often quoted. Drawn on to 65,536 codes the line says "
        f"{beyond:.1%}, where the authors of SimVQ report 1.4 % for an image model. The {paid:.0f} bits a frame paid "
        f"for more codes bring {got:.1f} bits of information, and {decibels:.1f} dB."
    )
    return Finding(rows, partial(_draw, rows=rows), seen, _checks(rows, slopes, worth))


def _codes(row: Row) -> float:
    """Perplexity as a number of codes."""
    return float(row["perplexity"]) * float(row["size"])


def _slope(rows: list[Row], what: str) -> float:
    """Of log `what` over log size: -1 is 1/size."""
    sizes, values = (np.log([float(row[key]) for row in rows]) for key in ("size", what))
    return float(np.polyfit(sizes, values, 1)[0])


def _checks(rows: list[Row], slopes: dict[str, float], worth: list[float]) -> tuple[Check, ...]:
    before, after = rows[::2], rows[1::2]
    fell = max(float(end["used"]) / float(start["used"]) for start, end in zip(before, after))
    perplexities = [float(row["perplexity"]) for row in after]
    got, paid = worth[-1] - worth[0], float(np.log2(float(after[-1]["size"]) / float(after[0]["size"])))
    slope, used = slopes["perplexity"], float(after[-1]["used"])
    return (
        Check("perplexity / size falls as a power of the size, -0.5 to -1", f"{slope:.2f}", -1 < slope < -0.5),
        Check(
            "each codebook is emptier than the one a quarter its size",
            ", ".join(f"{each:.1%}" for each in perplexities),
            all(small > large for small, large in pairwise(perplexities)),
        ),
        Check("less than a twentieth of the largest is ever used", f"{used:.1%}", used < 0.05),
        Check("learning takes a tenth or more of the codes in use", f"leaves {fell:.0%} at most", fell < 0.9),
        Check("half of the bits paid bring no information", f"{got:.1f} of {paid:.0f} do", got < paid / 2),
    )


def _draw(figure: "Figure", rows: list[Row]) -> None:
    before, after = rows[::2], rows[1::2]
    sizes = [float(row["size"]) for row in after]
    figure.suptitle("The larger a codebook left alone, the emptier it gets")
    left, right = figure.subplots(1, 2)
    series = (
        (before, "used", COLOURS[2], "o--", "used at the first step"),
        (after, "used", COLOURS[0], "o-", "used in the end"),
        (after, "perplexity", COLOURS[1], "s-", "perplexity / size"),
    )
    for drawn, what, colour, style, label in series:
        values = [float(row[what]) for row in drawn]
        left.plot(sizes, values, style, color=colour)
        left.text(sizes[-1] * 1.25, values[-1], label, color=colour, va="center")
    first = float(after[0]["perplexity"])
    left.plot(sizes, [first * sizes[0] / size for size in sizes], ":", color=SOFT)
    left.text(sizes[-1] * 1.25, first * sizes[0] / sizes[-1], "as 1 / size", color=SOFT, va="center")
    left.set(xscale="log", yscale="log", xlabel="codebook size", ylabel="share of the codebook")
    left.set_xlim(sizes[0] / 1.3, sizes[-1] * 60)
    left.set_title("How much of it lives")
    for values, style, colour, label in (
        ([np.log2(size) for size in sizes], ":", SOFT, "paid: log2(size)"),
        ([np.log2(_codes(row)) for row in after], "s-", COLOURS[1], "got: entropy of the codes"),
    ):
        right.plot(sizes, values, style, color=colour)
        right.text(sizes[-1], values[-1] + 0.35, label, color=colour, ha="right")
    right.set(xscale="log", xlabel="codebook size", ylabel="bits a frame", ylim=(0, 15.5))
    right.set_title("What its bits are worth")
    for axis in (left, right):
        axis.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
        axis.set_xticks([], minor=True)


EXPERIMENT = Experiment(
    "b1-collapse-on-demand",
    "The larger a codebook left alone, the emptier it gets",
    "What share of its codes does a codebook use that starts at random and learns by gradient alone?",
    run,
    needs_corpus=True,
)
