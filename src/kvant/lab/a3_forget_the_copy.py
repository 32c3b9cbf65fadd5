"""a3: a codec whose straight-through copy was forgotten, and why counting codes does not show it."""

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kvant.lab.bench import Bench
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS, SOFT
from kvant.lab.latents import solve_speech
from kvant.lab.tiny_codec import Score, TinyCodec, Training, score, train
from kvant.protocols import Remedy
from kvant.quantizers import EMACodebook, VectorQuantizer
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.remedies import KMeansInit, ReviveDeadCodes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLAN = Training(steps=600, dropout=0.0)
SECONDS, HELD_OUT, SIZE, DIM = 300.0, 30.0, 256, 8
WINDOW = 10
"""Steps that a point of the curves is the mean of."""
Row = dict[str, float | int | str]


def forgotten(latents: Tensor, quantized: Tensor) -> Tensor:
    """The quantized value without the copy: no gradient reaches the encoder, only commitment still does."""
    return quantized.detach()


GRADIENTS = {"with the copy": straight_through, "without it": forgotten}
REMEDIES: dict[str, tuple[Remedy, ...]] = {"no remedies": (), "k-means, revival": (KMeansInit(), ReviveDeadCodes())}


def run(bench: Bench) -> Finding:
    """One tiny codec each, for copy and remedies on and off, from the same start and on the same frames."""
    frames, wav = bench.frames(SECONDS), bench.speech("dev", HELD_OUT)
    transform = solve_speech(bench.folder("train"))
    rows: list[Row] = []
    scores: dict[tuple[str, str], Score] = {}
    for remedy, remedies in REMEDIES.items():
        for copy, gradient in GRADIENTS.items():
            torch.manual_seed(bench.seed)
            codec = TinyCodec(VectorQuantizer(EMACodebook(SIZE, DIM), gradient, remedies), DIM)
            steps: list[tuple[float, int]] = []
            keep = partial(_keep, steps)
            train(codec, frames, bench.seed, PLAN, keep)
            scores[remedy, copy] = score(codec, transform, wav, 1)
            for start in range(0, PLAN.steps, WINDOW):
                losses, used = zip(*steps[start : start + WINDOW])
                means: Row = {"loss": sum(losses) / len(losses), "codes_used": sum(used) / len(used)}
                rows.append({"remedies": remedy, "copy": copy, "step": start + WINDOW // 2, **means})
            rows.append({"remedies": remedy, "copy": copy, "step": PLAN.steps, **scores[remedy, copy]._asdict()})
    return Finding(rows, partial(_draw, rows=rows), _seen(scores), _checks(scores))


def _keep(steps: list[tuple[float, int]], step: int, loss: float, codes: Tensor) -> None:
    steps.append((loss, len(codes.unique())))


def _seen(scores: dict[tuple[str, str], Score]) -> str:
    (plain, off), (helped, helped_off) = ([scores[remedy, copy] for copy in GRADIENTS] for remedy in REMEDIES)
    return (
        f"The same tiny codec ({SIZE} codes a frame, {plain.bitrate:g} kbit/s) with its straight-through copy and "
        "without. Without it the encoder hears of the task nothing at all; commitment alone teaches it, and pulls "
        f"every latent to a vector. Codes in use on held-out speech: {off.used}, where the healthy codec has "
        f"{plain.used}; and its frames come back at {off.snr:.1f} dB instead of {plain.snr:.1f}. Remedies hide it: "
        f"with k-means and revival {helped_off.used} codes stay busy ({helped.used} with the copy), spread over what "
        f"the shrinking latents still differ in, and yet the frames come back at {helped_off.snr:.1f} dB instead of "
        f"{helped.snr:.1f}. So count codes, but believe the loss."
    )


def _checks(scores: dict[tuple[str, str], Score]) -> tuple[Check, ...]:
    (plain, off), (helped, helped_off) = ([scores[remedy, copy] for copy in GRADIENTS] for remedy in REMEDIES)
    return (
        Check("without the copy, at most 6 of 256 codes stay in use", f"{off.used}", off.used <= 6),
        Check("with it, more than 80", f"{plain.used}", plain.used > 80),
        Check("forgetting it costs more than 1.5 dB", f"{off.snr:.2f}, {plain.snr:.2f} dB", plain.snr - off.snr > 1.5),
        Check("remedies keep more than 150 codes busy all the same", f"{helped_off.used}", helped_off.used > 150),
        Check(
            "and do not make up for it: more than 1 dB is missing",
            f"{helped_off.snr:.2f}, {helped.snr:.2f} dB",
            helped.snr - helped_off.snr > 1,
        ),
    )


def _draw(figure: "Figure", rows: list[Row]) -> None:
    figure.suptitle("Forget the copy: the codebook collapses, or looks well and is not")
    titles = (("codes_used", "codes used, of a batch of 1,024 frames"), ("loss", "squared error of the frames"))
    for axis, (what, title) in zip(figure.subplots(1, 2), titles):
        for colour, copy in zip(COLOURS, GRADIENTS):
            for style, remedy in zip(("-", "--"), REMEDIES):
                points = [row for row in rows if (row["remedies"], row["copy"]) == (remedy, copy) and what in row]
                x, y = ([float(row[key]) for row in points] for key in ("step", what))
                axis.plot(x, y, style, color=colour, label=f"{copy}, {remedy}")
        axis.set(title=title, xlabel="step of training", xlim=(0, PLAN.steps), ylim=(0, None))
    figure.axes[0].axhline(1, color=SOFT, linewidth=0.8)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)


EXPERIMENT = Experiment(
    "a3-forget-the-copy",
    "Forget the straight-through copy, and the codebook dies or feigns life",
    "What becomes of a codec whose encoder gets no gradient from the task, and what would show it?",
    run,
    needs_corpus=True,
)
