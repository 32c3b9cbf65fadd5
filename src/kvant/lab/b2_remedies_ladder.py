"""b2: what brings a codebook to life, and whether what lives then serves: usage, perplexity and distortion of each."""

from functools import partial
from math import prod
from typing import TYPE_CHECKING

import torch

from kvant.lab.bench import Bench
from kvant.lab.codebook_trial import Teaching, examine, halves, teach
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS, INK, SOFT
from kvant.lab.rungs import NOTHING, RECOMMENDED, RUNGS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, float | int | str]

SECONDS, EXAMINED = 2400, 900
PER_CODE, LEAST = 4, 16384
"""Latents that examine a codebook: so many a code, and never fewer than the second."""
SIZES = {1024: (300, 1024), 4096: (300, 1024), 16384: (40, 2048)}
"""Of each size: steps, and latents a step."""


def run(bench: Bench) -> Finding:
    """Each rung at each size, on the same batches."""
    heard, unheard = halves(bench, SECONDS, EXAMINED)
    rows: list[Row] = []
    for size, (steps, batch) in SIZES.items():
        for name, (rate, build) in RUNGS.items():
            torch.manual_seed(bench.seed)
            quantizer = build(size)
            teach(quantizer, heard, Teaching(steps, batch, rate), bench.seed)
            health = examine(quantizer, unheard[: max(LEAST, PER_CODE * size)])
            rows.append({"size": size, "remedy": name, "codes": prod(quantizer.codebook_sizes), **health._asdict()})
    by = {(str(row["remedy"]), int(row["size"])): row for row in rows}
    return Finding(rows, partial(_draw, by=by), _seen(by), _checks(by))


def _health(by: dict[tuple[str, int], Row], name: str, what: str) -> list[float]:
    """Of one rung, at all sizes."""
    return [float(by[name, size][what]) for size in SIZES]


def _gain(by: dict[tuple[str, int], Row], name: str) -> list[float]:
    """Decibels by which its distortion is below that of a codebook without remedies, at all sizes."""
    return [bare - own for bare, own in zip(_health(by, NOTHING, "distortion"), _health(by, name, "distortion"))]


def _listed(values: list[float], form: str) -> str:
    return ", ".join(format(value, form) for value in values)


def _seen(by: dict[tuple[str, int], Row]) -> str:
    cosmetic = [name for name in RUNGS if max(_gain(by, name)) <= 0 and name != NOTHING]
    share = {name: _listed(_health(by, name, "perplexity"), ".0%") for name in RUNGS}
    gain = {name: _listed(_gain(by, name), ".1f") for name in RUNGS}
    heard = ", ".join(f"{steps * batch / size:.0f}" for size, (steps, batch) in SIZES.items())
    return (
        f"Figures are of {', '.join(f'{size:,}' for size in SIZES)} codes, which hear {heard} latents each and are "
        f"examined on other clips of the same corpus. Left alone, their perplexity is {share[NOTHING]} of the size. "
        f"Started at cluster centres (of 16,384, at latents) it is {share['k-means start']}, with dead codes revived "
        f"{share[RECOMMENDED]}, and the distortion is {gain[RECOMMENDED]} dB lower: what lives serves. Cosmetic are "
        f"{' and '.join(cosmetic)}: more codes in use, at a distortion no lower than that of the collapsed codebook, "
        "since they see a linear map to 8 or fewer of 64 dimensions, and unit vectors not even loudness. (In a codec "
        "the encoder learns to put what matters there; these latents are fixed.) SimVQ and Wasserstein, which the "
        f"literature shows at 100 %, start at random here and reach {share['SimVQ']} and {share['Wasserstein']}, for "
        f"{gain['SimVQ']} and {gain['Wasserstein']} dB: a Gaussian cloud of the right shape has most of its vectors "
        f"where no latent is. Online clustering ({share['online clustering']}) waits until its running usage says that "
        "a code is dead, some 50 latents a code, and revival waits for 23: the largest codebook does not hear as many."
    )


def _checks(by: dict[tuple[str, int], Row]) -> tuple[Check, ...]:
    perplexity, gain = _health(by, RECOMMENDED, "perplexity"), _gain(by, RECOMMENDED)
    bare = _health(by, NOTHING, "perplexity")
    cosmetic = {name: max(_gain(by, name)) for name in ("+ 8-d, l2", "FSQ")}
    used = {name: _health(by, name, "used") for name in (NOTHING, *cosmetic, "SimVQ", "Wasserstein")}
    more = min(alive / dead for values in used.values() for alive, dead in zip(values, used[NOTHING]) if alive != dead)
    half = max(max(_health(by, name, "perplexity")) for name in ("SimVQ", "Wasserstein"))
    return (
        Check("k-means and revival: perplexity above half the size", _listed(perplexity, ".0%"), min(perplexity) > 0.5),
        Check("and distortion 0.5 dB or more below that without", _listed(gain, ".2f") + " dB", min(gain) > 0.5),
        Check("without remedies perplexity is below a fifth", _listed(bare, ".1%"), max(bare) < 0.2),
        Check("8-d, FSQ, SimVQ, Wasserstein: 1.5 times the codes in use", f"{more:.1f} times at least", more > 1.5),
        Check(
            "8-d unit vectors and FSQ are cosmetic on fixed latents: no lower distortion",
            ", ".join(f"{name}: {value:.2f} dB" for name, value in cosmetic.items()),
            max(cosmetic.values()) <= 0,
        ),
        Check("SimVQ and Wasserstein alone stay below half the size", f"{half:.0%} at most", half < 0.5),
    )


def _draw(figure: "Figure", by: dict[tuple[str, int], Row]) -> None:
    figure.suptitle("Codes in use are not yet quality")
    left, right = figure.subplots(1, 2, sharey=True)
    places = range(len(RUNGS))
    for size, colour, marker in zip(SIZES, COLOURS, "osD"):
        alive = [float(by[name, size]["perplexity"]) for name in RUNGS]
        gains = [_gain(by, name)[list(SIZES).index(size)] for name in RUNGS]
        for axis, values in ((left, alive), (right, gains)):
            axis.plot(values, places, marker, color=colour, markersize=8)
        left.annotate(f"{size:,}", (alive[0], 0), (0, 12), textcoords="offset points", color=colour, ha="center")
    left.axvline(0.5, color=SOFT, linewidth=1.2, linestyle=":")
    left.text(0.52, -0.6, "half", color=SOFT, va="center")
    left.set(xscale="log", xlabel="perplexity / size", ylim=(len(RUNGS) - 0.4, -0.9), xlim=(0.008, 1.1))
    left.set_yticks(places, list(RUNGS))
    left.set_xticks([0.01, 0.1, 1], ["1 %", "10 %", "100 %"])
    left.set_title("What lives")
    right.axvline(0, color=INK, linewidth=1.2)
    right.set_xlim(right.get_xlim())
    right.axvspan(right.get_xlim()[0], 0, color=COLOURS[1], alpha=0.08, linewidth=0)
    right.text(-0.08, -0.6, "cosmetic", color=COLOURS[1], ha="right", va="center")
    right.set(xlabel="distortion, dB below that of nothing")
    right.set_title("What it is good for")


EXPERIMENT = Experiment(
    "b2-remedies-ladder",
    "A ladder of remedies: codes in use are not yet quality",
    "Which remedies bring a codebook to life, and which of them also bring it nearer to the latents?",
    run,
    needs_corpus=True,
)
