"""Symptoms of quantizers: codes nobody uses, vectors that stand still, latents that leave them behind."""

import math
from collections.abc import Iterator, Sequence

from kvant.training.diagnosis.counting import attainable
from kvant.training.diagnosis.records import Point, Record, names, series, smooth, standing
from kvant.training.diagnosis.symptom import Finding, Rule

FEW_CODES, LOW_ENTROPY = 0.25, 0.5
STARVED, STALE, GROWN, LOST_DB = 0.8, 0.7, 2.0, 2.0
PER_CODE = 4
"""Latents per code below which a count of codes says too little."""


def _levels(records: Sequence[Record]) -> list[int]:
    return sorted(int(name.split("/")[0].removeprefix("level_")) for name in names(records, r"level_\d+/usage"))


def _usage(records: Sequence[Record], level: int) -> list[Point]:
    """Usage over what is attainable, from counts that can tell."""
    place = f"level_{level}"
    return [
        Point(int(record["step"]), record[f"{place}/usage"] / attainable(record[f"{place}/n"], record[f"{place}/size"]))
        for record in _telling(records, level)
    ]


def _telling(records: Sequence[Record], level: int) -> list[Record]:
    """Records with enough latents per code of the level."""
    place = f"level_{level}"
    return [record for record in records if record.get(f"{place}/n", 0) >= PER_CODE * record.get(f"{place}/size", 1)]


def _newest(records: Sequence[Record], name: str) -> float:
    points = series(records, name)
    return points[-1].value if points else math.nan


def find_collapse(records: Sequence[Record]) -> Iterator[Finding]:
    for level in _levels(records):
        place = f"level_{level}"
        bits = math.log2(max(_newest(records, f"{place}/size"), 2))
        few = standing(_usage(records, level), 2, below=FEW_CODES)
        uneven = standing(series(_telling(records, level), f"{place}/entropy"), 2, below=LOW_ENTROPY * bits)
        if few or uneven:
            since = min(run[0].step for run in (few, uneven) if run)
            used, perplexity, left = (
                _newest(records, f"{place}/{figure}") for figure in ("usage", "perplexity", "residual_energy")
            )
            yield Finding(
                f"level {level}",
                since,
                f"level {level} uses {used:.0%} of its codes since step {since:,}, as if it had {perplexity:.0f}; "
                f"{left:.1%} of the latents' energy is left after it",
            )


COLLAPSE = Rule(
    "codebook collapse",
    "A level uses few of its codes, or few of them nearly always, and so wastes the bits it costs.",
    "healthy levels use 60 to 95 % of their codes with an entropy above 85 % of log2 V; a quarter of the codes, or "
    "half of the bits, is far outside and does not recover by itself. Usage is judged against what so few latents "
    "can reach.",
    ("start codebooks by k-means", "revive dead codes", "search in fewer dimensions", "look for a missing copy"),
    find_collapse,
)


def find_starved(records: Sequence[Record]) -> Iterator[Finding]:
    levels = _levels(records)
    courses = {level: _usage(records, level) for level in levels}
    best = max((course[-1].value for course in courses.values() if course), default=0.0)
    for level in levels[(len(levels) + 1) // 2 :]:
        run = standing(courses[level], 2, above=FEW_CODES, below=STARVED * best)
        if run:
            size, used = (_newest(records, f"level_{level}/{figure}") for figure in ("size", "usage"))
            yield Finding(
                f"level {level}",
                run[0].step,
                f"level {level} uses {used:.0%} of its codes since step {run[0].step:,}, {size * (1 - used):.0f} of "
                f"{size:.0f} are dead, while the best level uses {best:.0%} of what it can",
            )


STARVED_LEVEL = Rule(
    "starved deep level",
    "A level of the deeper half leaves many more codes unused than the best level: it sees too few latents.",
    "in a run with 75 % level dropout, levels 6 and 7 kept 300 to 430 of 1,024 codes dead, at 65 to 73 % of the best "
    "level's usage; after a refit of the codebooks no level was below 92 %. Four fifths lies between.",
    ("lower the level dropout", "give deep levels a larger share of the depths", "refit the codebooks after training"),
    find_starved,
)


def find_frozen(records: Sequence[Record]) -> Iterator[Finding]:
    for name in names(records, r"codebook_\d+/moved"):
        encoder = {point.step: point.value for point in series(records, "moved/encoder")}
        points = [point for point in series(records, name) if encoder.get(point.step, 0) > 1e-5]
        run = standing(points, 2, below=1e-7)
        if run:
            level = name.split("/")[0].removeprefix("codebook_")
            stale = _newest(records, f"codebook_{level}/drift")
            yield Finding(
                f"codebook {level}",
                run[0].step,
                f"the vectors of codebook {level} have not moved since step {run[0].step:,} while the encoder has "
                f"({encoder[run[-1].step]:.2%} of its weights' norm by the newest record); stale vectors cause "
                f"{stale**2:.0%} of its quantization error",
            )


FROZEN = Rule(
    "frozen codebook",
    "Codebook vectors stand still while the encoder, whose latents they should follow, keeps learning.",
    "vectors that learn, by running means or by gradient, move at every step by far more than float rounding (1e-7 of "
    "their size). A quantizer frozen together with its encoder is no symptom.",
    ("update running means in training mode", "give the codebook loss a weight, and its vectors to the optimizer"),
    find_frozen,
)


def find_stale(records: Sequence[Record]) -> Iterator[Finding]:
    for name in names(records, r"codebook_\d+/drift"):
        run = standing(series(records, name), 3, above=STALE)
        if run:
            level = name.split("/")[0].removeprefix("codebook_")
            yield Finding(
                f"codebook {level}",
                run[0].step,
                f"the vectors of codebook {level} stand off from the mean of the latents they win by "
                f"{run[-1].value:.0%} of the quantization error since step {run[0].step:,}: moving them would save "
                f"{run[-1].value ** 2:.0%} of its energy",
            )


STALE_CODEBOOK = Rule(
    "stale codebook",
    "Codebook vectors are far from the mean of the latents they win: the encoder has moved on without them.",
    "on unseen speakers healthy codebooks of a trained codec show 0.1 to 0.45 of the error; at 0.7, half of the "
    "error's energy would be saved by moving the vectors alone.",
    ("lower the encoder's learning rate", "shorten the running mean of the codebooks", "refit the codebooks"),
    find_stale,
)


def find_runaway(records: Sequence[Record]) -> Iterator[Finding]:
    sizes = series(records, "latents/rms")
    if sizes and sizes[0].value > 0:
        run = standing(sizes, 2, above=GROWN * sizes[0].value)
        if run:
            yield Finding(
                "latents",
                run[0].step,
                f"the latents have grown from {sizes[0].value:.3g} to {run[-1].value:.3g} RMS, more than "
                f"{GROWN:g}-fold since step {run[0].step:,}",
            )
    noise = smooth(series(records, "held_out/quantization_snr"))
    best = max((point.value for point in noise), default=0.0)
    run = standing(noise, 3, below=best - LOST_DB)
    if run:
        yield Finding(
            "quantizer",
            run[0].step,
            f"held-out latents stand {run[-1].value:.1f} dB above quantization noise, {best - run[-1].value:.1f} dB "
            f"less than at best, and no better since step {run[0].step:,}",
        )


RUNAWAY = Rule(
    "latents run away",
    "Latents grow, or leave their codebooks so fast that quantization noise grows against them.",
    "latents start at a size that codebooks were made for; in healthy runs their RMS stays within some 20 %, and the "
    "commitment loss rises by half at most before it levels out. Twice the size, or 2 dB (a rise of 58 %) lost on "
    "the same held-out clips, is beyond both.",
    ("raise the weight of commitment", "lower the encoder's learning rate", "shorten the codebooks' running mean"),
    find_runaway,
)
