"""c3: what entropy coding takes off the shipped model's codes, in ideal code lengths and in real bytes.

The rate is lost twice: codes are not equally frequent, and they depend on those before. Each model of the codes gives
integer weights for every code; the ideal length is -log2 of its share, and a range coder makes the bytes, a stream a
level, so that levels can still be dropped.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from kvant.checkpoint import load_codec
from kvant.lab.bench import SAMPLE_RATE, Bench
from kvant.lab.code_language_model import CodeLanguageModel, train
from kvant.lab.code_statistics import V, bigram, code_lengths, coded_bytes, zero_order
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS, SOFT
from kvant.quantizers.residual import ResidualQuantizer
from kvant.runtime import load
from kvant.runtime.models import DEFAULT, WEIGHTS, find

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Size:
    """Seconds of speech to learn from and to code, and steps of the language model."""

    learned: float = 1500
    coded: float = 60
    steps: int = 400


SIZE = Size()
CODERS = ("zero-order", "bigram", "one-layer LM")


@torch.no_grad()
def language_model(learned: np.ndarray, coded: np.ndarray, seed: int) -> list[np.ndarray]:
    """Weights [T, V] of each level: 2^40 times what the trained model says."""
    quantizer = load_codec(find(DEFAULT) / WEIGHTS).quantizer
    assert isinstance(quantizer, ResidualQuantizer)
    counts = torch.from_numpy(np.stack([np.bincount(level, minlength=V) for level in learned])).float()
    model = CodeLanguageModel(quantizer.codebooks[: len(learned)], counts)
    with torch.enable_grad():
        train(model, torch.from_numpy(learned), SIZE.steps, torch.Generator().manual_seed(seed))
    logits = model(torch.from_numpy(coded)[None])
    return [np.round(each[0].double().softmax(-1).numpy() * 2**40).astype(np.int64) for each in logits]


def draw(bits: dict[str, np.ndarray], figure: "Figure") -> None:
    """bits: coder -> bits a code, [K]."""
    left, right = figure.subplots(1, 2)
    levels = np.arange(1, 9)
    left.axhline(10, color=SOFT)
    left.text(8, 10.05, "constant rate", color=SOFT, ha="right")
    for (coder, each), colour in zip(bits.items(), COLOURS):
        left.plot(levels, each, "o-", color=colour)
        saved = 100 * (1 - each.cumsum() / (10 * levels))
        right.plot(0.75 * levels, saved, "o-", color=colour)
        right.text(6.1, saved[-1], coder, color=colour, va="center")
    left.set(xlabel="level", ylabel="bits a code, range coded", ylim=(0, 10.6), title="What a code costs")
    right.set(xlabel="constant bitrate, kbit/s", ylabel="saved, %", ylim=(0, None), xlim=(0.5, 7.9))
    right.set_title("What entropy coding saves")
    figure.suptitle("Codes carry what the frames before already told, most of all the coarse ones")


def run(bench: Bench) -> Finding:
    codec = load()
    learned, coded = (
        codec.encode(bench.speech(split, seconds), SAMPLE_RATE).codes[0]
        for split, seconds in (("train", SIZE.learned), ("test", SIZE.coded))
    )
    weights = {
        "zero-order": [zero_order(*each) for each in zip(learned, coded)],
        "bigram": [bigram(*each) for each in zip(learned, coded)],
        "one-layer LM": language_model(learned, coded, bench.seed),
    }
    rows: list[dict[str, float | int | str]] = []
    whole = True
    for coder in CODERS:
        for level, (given, codes) in enumerate(zip(weights[coder], coded)):
            count, same = coded_bytes(given, codes)
            whole &= same
            ideal = float(code_lengths(given, codes).mean())
            rows.append(
                {"coder": coder, "level": level, "ideal_bits": ideal, "bits": 8 * count / len(codes), "bytes": count}
            )

    def by_coder(key: str) -> dict[str, np.ndarray]:
        return {coder: np.array([float(row[key]) for row in rows if row["coder"] == coder]) for coder in CODERS}

    bits, ideals = by_coder("bits"), by_coder("ideal_bits")
    saved = {coder: [1 - each[:depth].mean() / 10 for depth in (1, 2, 4, 8)] for coder, each in bits.items()}
    excess = max(float((bits[coder] / ideals[coder]).max()) - 1 for coder in CODERS)
    lm, pair, zero = (saved[coder] for coder in reversed(CODERS))
    seen = (
        f"{SIZE.coded:g} s of voices that neither codec nor models have heard. Knowing how often each code occurs "
        f"saves {zero[3]:.1%} at 6 kbit/s ({zero[0]:.1%} at 0.75): codebooks fitted to data have nearly equal use. The "
        f"code before saves {pair[3]:.1%} ({pair[0]:.1%}), most of it on level 1; deeper, {V} x {V} pairs are too many "
        f"to count. One recurrent layer, trained for a minute, saves {lm[3]:.1%} ({lm[0]:.1%}), since it sees the "
        f"frame's coarser codes and all frames before. Real bytes are within {excess:.2%} of the ideal. Counts are "
        f"integers; the network computes in floating point, so its bytes can only be read where that "
        f"arithmetic repeats: a measure, not yet a format."
    )
    checks = (
        Check("every stream decodes to its codes", f"{3 * len(coded)} streams", whole),
        Check("bytes are within 1 % of the ideal code lengths", f"{excess:.2%}", excess < 0.01),
        Check("zero-order coding saves little: under 6 % at 6 kbit/s", f"{zero[3]:.1%}", 0 < zero[3] < 0.06),
        Check("a bigram saves 5 to 15 % at 6 kbit/s", f"{pair[3]:.1%}", 0.05 < pair[3] < 0.15),
        Check("a one-layer LM saves 15 to 40 % at 6 kbit/s", f"{lm[3]:.1%}", 0.15 < lm[3] < 0.4),
        Check("and more the fewer levels there are", ", ".join(f"{each:.1%}" for each in lm), lm == sorted(lm)[::-1]),
    )
    return Finding(rows, partial(draw, bits), seen, checks)


EXPERIMENT = Experiment(
    "c3-free-bits",
    "Codes carry what the frames before already told",
    "How much smaller do codes of speech get without losing anything?",
    run,
    needs_corpus=True,
)
