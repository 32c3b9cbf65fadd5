"""c4: scalar, finite scalar and residual quantization of a Gaussian beside what Shannon allows.

A memoryless Gaussian of variance 1 can be coded with R bits a dimension at no less distortion than D(R) = 2^(-2R)
(Shannon, 1959). Lloyd's (1957) and Max's (1960) best levels, and the best equally spaced ones, are found exactly;
residual codebooks are learned and tried on samples.
"""

import math
from functools import partial
from typing import TYPE_CHECKING

import torch

from kvant.lab.bench import Bench
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS, INK
from kvant.lab.scalar_quantizers import lloyd_max, uniform
from kvant.quantizers.beam import beam_search
from kvant.quantizers.kmeans import lloyd, random_centres

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS = (2, 3, 4, 5, 7, 8, 16, 32)
PUBLISHED = {2: 0.36338, 4: 0.117482, 8: 0.034548, 16: 0.009501}
"""Lloyd and Max's distortions (Max, 1960, table I)."""
DIM, DEPTH, SIZE = 8, 4, 64
RATE = DEPTH * math.log2(SIZE) / DIM
BEAMS = (1, 2, 4, 8, 16)
POINTS, TRIED = 40_000, 20_000


Scalar = dict[str, dict[int, float]]
"""Quantizer -> number of levels -> distortion."""


def residual(seed: int) -> dict[int, float]:
    """Beam -> distortion a dimension of residual codebooks, learned greedily, on other samples."""
    generator = torch.Generator().manual_seed(seed)
    left = torch.randn(POINTS, DIM, generator=generator)
    tried = torch.randn(TRIED, DIM, generator=generator)
    codebooks: list[torch.Tensor] = []
    for _ in range(DEPTH):
        codebooks.append(lloyd(left, random_centres(left, SIZE, generator), 15, generator))
        left = left - codebooks[-1][beam_search(left, codebooks[-1:], 1)[:, 0]]
    found = {}
    for beam in BEAMS:
        codes = beam_search(tried, codebooks, beam)
        sums = torch.stack([book[level] for book, level in zip(codebooks, codes.T)]).sum(0)
        found[beam] = float((tried - sums).square().mean())
    return found


def decibels(ratio: float) -> float:
    return 10 * math.log10(ratio)


def draw(scalar: Scalar, beams: dict[int, float], figure: "Figure") -> None:
    gap = {beam: decibels(d * 4**RATE) for beam, d in beams.items()}
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    bits = [math.log2(n) for n in LEVELS]
    for (kind, found), colour, marker in zip(scalar.items(), COLOURS[1:3], "os"):
        above = [decibels(d * n**2) for n, d in found.items()]
        left.plot(bits, above, marker + "-", color=colour)
        left.text(5.1, above[-1], {"uniform": "equal steps\n(FSQ)"}.get(kind, kind), color=colour, va="top")
    for beam in BEAMS:
        left.plot(RATE, gap[beam], "D", color=COLOURS[0], markersize=5)
    left.text(2.88, gap[1], "residual, beam 1", color=COLOURS[0], va="center", ha="right")
    left.text(3.12, gap[16], "residual, beam 16", color=COLOURS[0], va="center")
    left.axhline(0, color=INK)
    left.text(5.1, 0.08, "Shannon's bound", color=INK, ha="right")
    left.set(xlabel="rate, bits a dimension", ylabel="distortion above the bound, dB", xlim=(0.8, 6.2))
    left.set_title("Every quantizer, against Shannon")
    right.plot(BEAMS, [beams[beam] for beam in BEAMS], "D-", color=COLOURS[0])
    right.text(8, beams[8] + 0.001, f"{decibels(beams[8] / beams[1]):.2f} dB", color=COLOURS[0])
    for value, text, colour in (
        (scalar["Lloyd-Max"][8], "Lloyd-Max, 8 levels", COLOURS[1]),
        (4**-RATE, "Shannon's bound", INK),
    ):
        right.axhline(value, color=colour, linewidth=1.4)
        right.text(16, value + 4e-4, text, color=colour, ha="right")
    right.set_xscale("log", base=2)
    right.set_xticks(BEAMS, [str(beam) for beam in BEAMS])
    right.set(xlabel="beam: sums kept from level to level", ylabel="distortion a dimension", ylim=(0, None))
    right.set_title(f"{DEPTH} x 6 bits for {DIM} dimensions")
    figure.suptitle("A beam wins back what greedy residual search loses")


def run(bench: Bench) -> Finding:
    scalar = {"Lloyd-Max": {n: lloyd_max(n) for n in LEVELS}, "uniform": {n: uniform(n) for n in LEVELS}}
    beams = residual(bench.seed)
    measured = [(kind, n, 1, math.log2(n), d) for kind, found in scalar.items() for n, d in found.items()]
    measured += [("residual", SIZE, beam, RATE, d) for beam, d in beams.items()]
    rows: list[dict[str, float | int | str]] = [
        {"quantizer": kind, "levels": n, "beam": beam, "bits": bits, "distortion": d, "bound": 4**-bits}
        for kind, n, beam, bits, d in measured
    ]
    lloyd8 = scalar["Lloyd-Max"][8]
    losses = [decibels(scalar["uniform"][n] / scalar["Lloyd-Max"][n]) for n in LEVELS]
    gain = {beam: decibels(beams[beam] / beams[1]) for beam in BEAMS}
    gap = {beam: decibels(beams[beam] * 4**RATE) for beam in BEAMS}

    seen = (
        f"Lloyd and Max's levels have the distortions of the literature; the more there are, the nearer they come to "
        f"their limit of 4.35 dB above Shannon's bound. Equal steps, as finite scalar quantization rounds to, lose "
        f"little at few levels and {losses[-1]:.2f} dB at 32, unless a decoder bends the scale. Greedy residual search "
        f"at {RATE:g} bits a dimension ({beams[1]:.4f}) is worse than scalar levels at that rate ({lloyd8:.4f}): an "
        f"early level cannot know what later ones can still mend. Keeping 8 sums instead of 1 gives {gain[8]:.2f} dB "
        f"for no bits and no training, and 16 hardly more; {gap[16]:.1f} dB remain to the bound."
    )
    worst = max(abs(scalar["Lloyd-Max"][n] / d - 1) for n, d in PUBLISHED.items())
    nearest = min(decibels(d * 4**bits) for _, _, _, bits, d in measured)
    checks = (
        Check("Lloyd-Max distortions are the published constants", f"off by {worst:.1e} at most", worst < 5e-5),
        Check("nothing is below Shannon's bound", f"{nearest:.2f} dB above it at least", nearest > 0),
        Check("equal steps never beat Lloyd-Max", f"{losses[0]:.2f} to {losses[-1]:.2f} dB", min(losses) > -1e-5),
        Check("a beam of 8 gives 1.1 to 1.5 dB on 4 x 6 bits", f"{gain[8]:.2f} dB", -1.5 < gain[8] < -1.1),
        Check("16 is hardly better than 8", f"{gain[16] - gain[8]:.2f} dB more", -0.25 < gain[16] - gain[8] < 0),
        Check(
            "greedy residual search loses to 8 scalar levels at the same rate, a beam of 8 wins",
            f"{beams[1]:.4f}, {beams[8]:.4f} against {lloyd8:.4f}",
            beams[8] < lloyd8 < beams[1],
        ),
    )
    return Finding(rows, partial(draw, scalar, beams), seen, checks)


EXPERIMENT = Experiment(
    "c4-rate-distortion-toys",
    "A beam wins back what greedy residual search loses",
    "How far from Shannon's bound are scalar, finite scalar and residual quantization of a Gaussian?",
    run,
)
