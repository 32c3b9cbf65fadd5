"""b3: a count below which codes restart means something else for every batch; a share of the uniform rate does not."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kvant.lab.bench import Bench
from kvant.lab.codebook_trial import Teaching, examine, halves, teach
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS, SOFT
from kvant.lab.latents import DIM
from kvant.protocols import Remedy
from kvant.quantizers import EMACodebook, VectorQuantizer
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.kmeans import kmeans
from kvant.quantizers.remedies import ReviveDeadCodes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, float | int | str]

SECONDS, EXAMINED = 1800, 400
SIZE = 1024
BATCHES = (256, 512, 1024, 2048, 4096, 8192, 16384)
STEPS = 120
THRESHOLD = 2.0


class CountedCodebook(EMACodebook):
    """Counts how many of its vectors were replaced."""

    restarts = 0

    def replace(self, mask: Tensor, vectors: Tensor, usage: Tensor | float = 1.0) -> None:
        self.restarts += int(mask.sum())
        super().replace(mask, vectors, usage)


@dataclass(frozen=True)
class ExpireCodes:
    """At every step, codes whose running count of latents is below `threshold` restart at random ones of the batch.

    The rule of Zeghidour et al. (2021) in the form that EnCodec published, with its 2 for batches of 4,800.
    """

    threshold: float = THRESHOLD

    def __call__(self, codebook: CountedCodebook, latents: Tensor) -> None:
        dead = codebook.counts < self.threshold
        if codebook.steps > 0 and dead.any():
            codebook.replace(dead, latents[torch.randint(len(latents), (int(dead.sum()),))])


RULES: dict[str, tuple[Remedy, ...]] = {"absolute": (ExpireCodes(),), "relative": (ReviveDeadCodes(),), "none": ()}


def run(bench: Bench) -> Finding:
    """Every rule with every batch, from the same cluster centres."""
    heard, unheard = halves(bench, SECONDS, EXAMINED)
    start = kmeans(heard[: 16 * SIZE], SIZE, 5, torch.Generator().manual_seed(bench.seed))
    rows: list[Row] = []
    for batch in BATCHES:
        for rule, remedies in RULES.items():
            torch.manual_seed(bench.seed)
            codebook = CountedCodebook(SIZE, DIM)
            codebook.replace(torch.ones(SIZE, dtype=torch.bool), start)
            codebook.restarts = 0
            quantizer = VectorQuantizer(codebook, straight_through, remedies)
            teach(quantizer, heard, Teaching(STEPS, batch), bench.seed)
            restarts = codebook.restarts / STEPS
            rows.append({"rule": rule, "batch": batch, "restarts": restarts, **examine(quantizer, unheard)._asdict()})
    by = {(str(row["rule"]), int(row["batch"])): row for row in rows}
    return Finding(rows, partial(_draw, by=by), _seen(by), _checks(by))


def _series(by: dict[tuple[str, int], Row], rule: str, what: str) -> list[float]:
    """Of one rule, at all batches."""
    return [float(by[rule, batch][what]) for batch in BATCHES]


def _seen(by: dict[tuple[str, int], Row]) -> str:
    shown = (BATCHES[0], 4096, BATCHES[-1])
    churn = [f"{by['absolute', batch]['restarts']:,.0f}" for batch in shown]
    pairs = [(float(by["absolute", batch]["distortion"]), float(by["none", batch]["distortion"])) for batch in shown]
    worse = [f"{own - bare:.2f} dB" for own, bare in pairs]
    calm = _series(by, "relative", "restarts")
    return (
        f"Of {SIZE:,} codes each wins batch / {SIZE:,} latents a step if all are used alike. Up to a batch of "
        f"{THRESHOLD * SIZE:,.0f} that is no more than the threshold of {THRESHOLD:g}, and living codes look dead: "
        f"with {shown[0]} latents {churn[0]} restart at every step, none lives long enough to become the mean of what "
        f"it wins, and the distortion is {worse[0]} above that of doing nothing. With {shown[1]:,} (EnCodec's batch "
        f"has 4,800) {churn[1]} restart ({worse[1]}), with {shown[2]:,} still {churn[2]} ({worse[2]}): codes of rare "
        "sounds go where sounds are frequent, which raises perplexity and error. A rule that asks for a tenth of the "
        f"uniform share restarts {min(calm):.1f} to {max(calm):.1f} a step, whatever the batch, at no cost. It gains "
        "nothing here, since these codebooks start at cluster centres."
    )


def _checks(by: dict[tuple[str, int], Row]) -> tuple[Check, ...]:
    churn = [float(by["absolute", batch]["restarts"]) / SIZE for batch in BATCHES if batch <= THRESHOLD * SIZE]
    calm = max(_series(by, "relative", "restarts")) / SIZE
    distortion = {rule: _series(by, rule, "distortion") for rule in RULES}
    lost = [own - other for own, other in zip(distortion["absolute"], distortion["relative"])]
    cost = max(own - bare for own, bare in zip(distortion["relative"], distortion["none"]))
    return (
        Check("up to 2 latents a code nine of ten restart a step", f"{min(churn):.0%} or more", min(churn) > 0.9),
        Check("relative: fewer than one code of 200 a step, at every batch", f"{calm:.2%} at most", calm < 1 / 200),
        Check(
            "churning costs more than 1 dB", f"{min(lost[: len(churn)]):.2f} dB or more", min(lost[: len(churn)]) > 1
        ),
        Check("the absolute rule is better at no batch", f"{min(lost):.2f} dB worse at least", min(lost) > 0),
        Check("the relative rule costs nothing", f"{cost:.3f} dB at most", cost < 0.05),
    )


def _draw(figure: "Figure", by: dict[tuple[str, int], Row]) -> None:
    figure.suptitle("Two latents a step to live: in small batches no code has them, and all restart for ever")
    left, right = figure.subplots(1, 2)
    styles = {"absolute": (COLOURS[1], "s-"), "relative": (COLOURS[0], "o-"), "none": (SOFT, "x:")}
    for rule, (colour, style) in styles.items():
        right.plot(BATCHES, _series(by, rule, "distortion"), style, color=colour)
        if rule != "none":
            left.plot(BATCHES, _series(by, rule, "restarts"), style, color=colour)
    left.text(BATCHES[0], 550, "count below 2", color=COLOURS[1])
    left.text(BATCHES[0], 2.2, "below a tenth of\nthe uniform share", color=COLOURS[0])
    left.set(yscale="log", ylabel=f"restarts a step, of {SIZE:,} codes", ylim=(0.1, 2000))
    left.set_title("How many codes are moved")
    right.text(700, -2.7, "count below 2", color=COLOURS[1])
    right.text(BATCHES[0], -4.35, "uniform share;\ndotted: no restarts", color=COLOURS[0], va="bottom")
    right.set(ylabel="distortion, dB of the energy of the latents")
    right.set_title("What that does to the codebook")
    for axis in (left, right):
        axis.set(xscale="log", xlabel="latents a step (dashed: 2 for each code)")
        axis.set_xticks(BATCHES, [f"{batch // 1024}k" if batch >= 1024 else f"{batch}" for batch in BATCHES])
        axis.set_xticks([], minor=True)
        axis.axvline(THRESHOLD * SIZE, color=SOFT, linewidth=1, linestyle="--")


EXPERIMENT = Experiment(
    "b3-restart-threshold-trap",
    "A restart threshold in latents churns in small batches",
    "What does a fixed count, below which codes count as dead, do to batches of other sizes?",
    run,
    needs_corpus=True,
)
