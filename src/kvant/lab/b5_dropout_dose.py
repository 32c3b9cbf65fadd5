"""b5: how much level dropout it takes for few levels to be enough, and what it costs where all are used."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from kvant.lab.bench import Bench
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS, INK, SOFT
from kvant.lab.latents import solve_speech
from kvant.lab.tiny_codec import TinyCodec, Training, score, train
from kvant.quantizers import EMACodebook, ResidualQuantizer
from kvant.quantizers.gradients import straight_through

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, float | int | str]

SECONDS, EXAMINED = 1200, 100
"""Of speech to learn from, and of other speakers to be examined on."""
DOSES = (0.0, 0.1, 0.5, 1.0)
LEVELS, SIZE, WIDTH = (1, 2, 4, 8), 64, 16
STEPS, TWINS = 500, 3
"""Steps of a codec, and codecs of each dose, which start differently."""


def run(bench: Bench) -> Finding:
    """Codecs alike but for the dose: same start, same batches; examined with every number of levels."""
    transform = solve_speech(bench.folder("train"))
    heard, unheard = bench.frames(SECONDS), bench.speech("dev", EXAMINED)
    rows: list[Row] = []
    for twin in range(TWINS):
        seed = bench.seed * TWINS + twin
        for dose in DOSES:
            torch.manual_seed(seed)
            codebooks = [EMACodebook(SIZE, WIDTH) for _ in range(LEVELS[-1])]
            codec = TinyCodec(ResidualQuantizer(codebooks, straight_through), dim=WIDTH)
            train(codec, heard, seed, Training(STEPS, dropout=dose))
            scores = (score(codec, transform, unheard, levels) for levels in LEVELS)
            rows += [{"dropout": dose, "twin": twin, **each._asdict()} for each in scores]
    return Finding(rows, partial(_draw, rows=rows), _seen(rows), _checks(rows))


def _snr(rows: list[Row], dose: float, levels: int) -> np.ndarray:
    """dB, [TWINS]."""
    return np.array([float(row["snr"]) for row in rows if (row["dropout"], row["levels"]) == (dose, levels)])


def _over_none(rows: list[Row], dose: float, levels: int) -> float:
    """dB by which a dose is better than none, in the mean over twins."""
    return float((_snr(rows, dose, levels) - _snr(rows, 0, levels)).mean())


def _seen(rows: list[Row]) -> str:
    few, full = LEVELS[0], LEVELS[-1]
    gains = {dose: (_over_none(rows, dose, few), _over_none(rows, dose, full)) for dose in DOSES}
    told = "; ".join(f"{dose:.0%}: {gains[dose][0]:+.2f} and {gains[dose][1]:+.2f} dB" for dose in DOSES[1:])
    return (
        f"A share of the items, the dose, trains with a random number of the {full} levels. Compared with no dropout, "
        f"with {few} level and with all {full}, by dose: {told}. So it takes from full rate what it gives to few "
        f"levels, and its last half costs most: at 100 % one item in {full} trains what full rate uses. That prefixes "
        f"break without dropout, as is often said, is not seen here: {few} level then gives "
        f"{_snr(rows, 0, few).mean():.2f} dB where the full dose gives {_snr(rows, DOSES[-1], few).mean():.2f}. "
        "Residual levels are coarse first by their making, and the small decoder of this codec, which sees one frame "
        "at a time, can lean little on deep ones."
    )


def _checks(rows: list[Row]) -> tuple[Check, ...]:
    few, full = LEVELS[0], LEVELS[-1]
    gain = {dose: _over_none(rows, dose, few) for dose in DOSES}
    cost = {dose: -_over_none(rows, dose, full) for dose in DOSES}
    rising = float(np.min([np.diff([_snr(rows, dose, levels) for levels in LEVELS], axis=0) for dose in DOSES]))
    return (
        Check("every dose: more levels, better", f"{rising:.2f} dB a doubling at least", rising > 0),
        Check("the full dose is better with one level", f"{gain[1.0]:+.2f} dB", gain[1.0] > 0.05),
        Check("and pays with all of them", f"{cost[1.0]:.2f} dB", cost[1.0] > 0.2),
        Check("half the dose costs less than half of that", f"{cost[0.5]:.2f} dB", cost[0.5] < cost[1.0] / 2),
        Check("a tenth costs next to nothing", f"{cost[0.1]:.2f} dB", cost[0.1] < 0.1),
        Check("without dropout one level is worse, but does not break", f"by {gain[1.0]:.2f} dB", gain[1.0] < 0.5),
    )


def _draw(figure: "Figure", rows: list[Row]) -> None:
    figure.suptitle("Level dropout: few levels gain a little, all of them pay")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    for dose, colour, shift in zip(DOSES, (INK, *COLOURS), (-0.06, -0.02, 0.02, 0.06)):
        means = [_snr(rows, dose, levels).mean() for levels in LEVELS]
        left.plot(LEVELS, means, "o-", color=colour, markersize=5)
        if dose:
            own = np.array([_snr(rows, dose, levels) - _snr(rows, 0, levels) for levels in LEVELS])
            places = np.array(LEVELS) * 2**shift
            right.plot(places, own.mean(1), "o-", color=colour)
            right.vlines(places, own.min(1), own.max(1), color=colour, linewidth=1.2)
            right.text(LEVELS[-1] * 1.15, own.mean(1)[-1], f"{dose:.0%}", color=colour, va="center")
    right.axhline(0, color=INK, linewidth=1.2)
    right.text(LEVELS[-1] * 1.15, 0.005, "none", color=INK, va="bottom")
    right.text(1, right.get_ylim()[0] + 0.02, f"bars: the range of {TWINS} codecs", color=SOFT)
    for axis in (left, right):
        axis.set(xscale="log", xlabel="levels used")
        axis.set_xticks(LEVELS, [str(levels) for levels in LEVELS])
        axis.set_xticks([], minor=True)
    right.set_xlim(0.9, LEVELS[-1] * 1.6)
    left.set(ylabel="SNR of the latents of unheard speakers, dB")
    left.set_title("All doses are alike at first sight")
    right.set(ylabel="SNR beside no dropout, dB")
    right.set_title("By dose")


EXPERIMENT = Experiment(
    "b5-dropout-dose",
    "Level dropout: few levels gain a little, all of them pay",
    "How often must a codec train with few levels to be good with few, and what does it lose with all?",
    run,
    needs_corpus=True,
)
