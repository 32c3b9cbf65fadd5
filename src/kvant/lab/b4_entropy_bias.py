"""b4: entropy counted from too few frames is too low, by how much, and what Miller's correction makes of it."""

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kvant.entropy import entropy
from kvant.lab.bench import Bench
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS, INK, SOFT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, float | int | str]

SIZE = 1024
RATIOS = (0.5, 1, 2, 4, 10, 20, 50, 100)
"""Frames a code."""
DRAWS = 400
SPREAD = 1.0
"""Standard deviation of the log probabilities of a skewed codebook."""
ESTIMATES = ("counted", "corrected")


def codebooks(seed: int) -> dict[str, np.ndarray]:
    """Probabilities [SIZE] of codes, whose entropy is known exactly."""
    logits = np.random.default_rng((seed, 0)).normal(0, SPREAD, SIZE)
    skewed = np.exp(logits) / np.exp(logits).sum()
    return {"uniform": np.full(SIZE, 1 / SIZE), "skewed": skewed}


def bits(probabilities: np.ndarray) -> float:
    return float(-(probabilities * np.log2(probabilities)).sum())


def predicted(ratio: float) -> float:
    """Bits by which counting is low to first order: -(V - 1) / (2 n ln 2), n = ratio V (Miller, 1955)."""
    return -(SIZE - 1) / (2 * ratio * SIZE * math.log(2))


def run(bench: Bench) -> Finding:
    """Mean error over draws of n frames, of the entropy as counted and with Miller and Madow's correction."""
    rows: list[Row] = []
    for name, probabilities in codebooks(bench.seed).items():
        truth = bits(probabilities)
        for ratio in RATIOS:
            generator = np.random.default_rng((bench.seed, 1, round(10 * ratio)))
            counts = generator.multinomial(round(ratio * SIZE), probabilities, size=DRAWS)
            row: Row = {"codebook": name, "size": SIZE, "frames_per_code": ratio, "truth": truth}
            for estimate, corrected in zip(ESTIMATES, (False, True)):
                errors = [entropy(each, corrected) - truth for each in counts]
                row |= {estimate: float(np.mean(errors)), f"{estimate}_deviation": float(np.std(errors))}
            rows.append(row | {"predicted": predicted(ratio)})
    by = {(str(row["codebook"]), float(row["frames_per_code"])): row for row in rows}
    few, usual, skewed = by["uniform", 1], by["uniform", 20], by["skewed", 4]
    seen = (
        f"The probabilities of {SIZE:,} codes are known here, and so is their entropy. Counted from as many frames as "
        f"codes, a perfectly used codebook lacks {-float(few['counted']):.2f} of its {few['truth']:.0f} bits, or "
        f"{1 - 2 ** float(few['counted']):.0%} of its perplexity: chance makes some codes look rare. To first order "
        "counting is low by (V - 1) / (2 n ln 2) bits, whatever the probabilities; at 4 frames a code that is "
        f"{-predicted(4):.3f}, and {-float(by['uniform', 4]['counted']):.3f} is measured, at 20 frames "
        f"{-float(usual['counted']):.3f}. Miller and Madow's correction, with the codes seen in place of V, leaves "
        f"{-float(skewed['corrected']):.3f} of {-float(skewed['counted']):.3f} bits at 4 frames a code of a skewed "
        "codebook; with less than one frame a code it leaves more than half, since most codes are not seen. So a "
        "perplexity goes with its number of frames, 20 a code or more, or it favours who was tested longer."
    )
    return Finding(rows, partial(_draw, rows=rows), seen, _checks(by))


def _checks(by: dict[tuple[str, float], Row]) -> tuple[Check, ...]:
    ample = [ratio for ratio in RATIOS if ratio >= 4]
    names = ("uniform", "skewed")
    off = {
        name: max(abs(float(by[name, ratio]["counted"]) / predicted(ratio) - 1) for ratio in ample) for name in names
    }
    left = max(
        abs(float(by[name, ratio]["corrected"]) / float(by[name, ratio]["counted"]))
        for name in names
        for ratio in ample[:3]
    )
    worst = max(float(row["counted"]) for row in by.values())
    small = max(abs(float(by[name, 20]["corrected"])) for name in names)
    lost = float(by["uniform", 0.5]["corrected"])
    return (
        Check("counting is low at every number of frames", f"{worst:.4f} bits at the most", worst < 0),
        Check(
            "from 4 frames a code, by (V - 1) / (2 n ln 2), to a quarter of it",
            ", ".join(f"{name}: off by {value:.0%} at most" for name, value in off.items()),
            max(off.values()) < 0.25,
        ),
        Check("at 4, 10 and 20 frames a code the correction leaves under a third", f"{left:.0%} at most", left < 1 / 3),
        Check("at 20 frames a code it leaves under 0.005 bits", f"{small:.4f}", small < 0.005),
        Check("at half a frame a code it leaves over 0.2 bits", f"{lost:.2f}", lost < -0.2),
    )


def _draw(figure: "Figure", rows: list[Row]) -> None:
    figure.suptitle("Count too few frames, and every codebook looks half dead")
    for axis, name in zip(figure.subplots(1, 2, sharey=True), ("uniform", "skewed")):
        mine = [row for row in rows if row["codebook"] == name]
        fine = np.geomspace(RATIOS[0], RATIOS[-1], 200)
        axis.axhline(0, color=INK, linewidth=1)
        axis.plot(fine, [predicted(ratio) for ratio in fine], ":", color=SOFT)
        for estimate, colour, marker in zip(ESTIMATES, COLOURS, "os"):
            axis.errorbar(
                RATIOS,
                [float(row[estimate]) for row in mine],
                [float(row[f"{estimate}_deviation"]) for row in mine],
                fmt=f"{marker}-",
                color=colour,
                capsize=3,
            )
        axis.set(xscale="log", xlabel=f"frames a code (codebook of {SIZE:,})")
        axis.set_xticks(RATIOS, [f"{ratio:g}" for ratio in RATIOS])
        axis.set_xticks([], minor=True)
        axis.set_title(f"{name}: truly {float(mine[0]['truth']):.2f} bits")
    axis = figure.axes[0]
    axis.set_ylabel("error of the entropy, bits (mean and deviation)")
    axis.text(1.25, -0.85, "as counted", color=COLOURS[0])
    axis.text(0.52, -0.2, "corrected", color=COLOURS[1])
    axis.text(0.68, -1.25, "-(V - 1) / (2 n ln 2)", color=SOFT)


EXPERIMENT = Experiment(
    "b4-entropy-bias",
    "Count too few frames, and every codebook looks half dead",
    "How many frames does it take to say how evenly a codebook is used?",
    run,
)
