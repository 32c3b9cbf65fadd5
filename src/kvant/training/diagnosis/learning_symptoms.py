"""Symptoms of learning itself: no gradient, too much of it, in the wrong direction, or to no effect."""

import math
from collections.abc import Iterator, Sequence

from kvant.training.diagnosis.records import Point, Record, names, series, smooth, standing
from kvant.training.diagnosis.symptom import Finding, Rule

REACH, JUMP, EXPLODED, RISEN, GAIN, GAP = 0.01, 1.0, 20.0, 1.5, 0.99, 0.25
ADVERSARIAL = ("adversarial", "feature_matching")
"""Losses whose yardstick, a discriminator, moves: their course alone says nothing."""
UNBOUNDED = (*ADVERSARIAL, "entropy")  # may be negative


def distances(records: Sequence[Record]) -> list[str]:
    """Figures that should fall: losses of the wav on the fixed held-out batch, and as the loop averages them.

    Those of single training batches differ by half from content alone, and tell no course.
    """
    seen = [name.removeprefix("pull/") for name in names(records, r"pull/.+")]
    steady = [f"{source}/{name}" for source in ("held_out", "train") for name in seen if name not in ADVERSARIAL]
    return [name for name in steady if names(records, name)]


def find_no_reach(records: Sequence[Record]) -> Iterator[Finding]:
    run = standing(series(records, "reach"), 2, below=REACH)
    if run:
        yield Finding(
            "quantizer",
            run[0].step,
            f"{run[-1].value:.1%} of the gradient of the wav's losses passes the quantizer since step {run[0].step:,}: "
            "the encoder does not learn from what is heard",
        )


NO_REACH = Rule(
    "no gradient to the encoder",
    "The gradient of the losses at the output ends at the quantizer, as without its straight-through copy.",
    "a straight-through copy passes all of it, the rotation trick and noise substitution most; only a missing copy "
    "passes less than a hundredth.",
    ("give the quantizer a gradient estimator, such as straight_through", "look for a detach between the two"),
    find_no_reach,
)


def find_non_finite(records: Sequence[Record]) -> Iterator[Finding]:
    for name in names(records, r"(loss|train|gradient)/.+"):
        finite = [Point(point.step, float(math.isfinite(point.value))) for point in series(records, name)]
        run = standing(finite, 1, below=1)
        if run:
            yield Finding(name, run[0].step, f"{name} is no finite number since step {run[0].step:,}")


NON_FINITE = Rule(
    "non-finite loss",
    "A loss or a gradient is infinite or no number; from then on every weight it reaches is lost.",
    "no healthy run has one.",
    ("divide the learning rate by ten", "warm up longer", "clip gradients", "floor logarithms and divisions"),
    find_non_finite,
)


def find_exploding(records: Sequence[Record]) -> Iterator[Finding]:
    for name in names(records, r"gradient/.+"):
        points = series(records, name)
        usual = sorted(point.value for point in points[:5])[len(points[:5]) // 2] if points else 0.0
        run = standing(points[5:], 2, above=EXPLODED * usual)
        if run and usual > 0:
            yield Finding(
                name.removeprefix("gradient/"),
                run[0].step,
                f"the gradient of the {name.removeprefix('gradient/')} is {run[-1].value:.3g} since step "
                f"{run[0].step:,}, {run[-1].value / usual:.0f} times its usual {usual:.3g}",
            )


EXPLODING = Rule(
    "exploding gradients",
    "The gradient of a part has grown by an order of magnitude and stays there.",
    "gradients are largest at the start and then fall; a batch may have five times the usual norm, but two records in "
    "a row of twenty times the first five's median are no accident of the data.",
    ("clip gradients", "lower the learning rate", "look for divisions by something near zero"),
    find_exploding,
)


def find_too_fast(records: Sequence[Record]) -> Iterator[Finding]:
    for name in names(records, r"moved/.+"):
        run = standing(series(records, name), 1, above=JUMP)
        if run:
            part = name.removeprefix("moved/")
            yield Finding(
                part,
                run[0].step,
                f"the weights of the {part} change by {run[-1].value:.3g} times their norm up to step "
                f"{run[-1].step:,}: nothing that was learnt lasts",
            )


TOO_FAST = Rule(
    "learning rate too high",
    "Weights move by as much as they are large between two records.",
    "a healthy step changes weights by about a thousandth of their norm, fifty steps by a few hundredths; a change of "
    "the whole norm means that hardly anything of the old weights is left.",
    ("divide the learning rate by ten", "warm up longer", "log more often if records are thousands of steps apart"),
    find_too_fast,
)


def find_rising(records: Sequence[Record]) -> Iterator[Finding]:
    for name in [*distances(records), *names(records, r"(?!commitment|codebook|entropy)\w+@\d+")]:
        points = smooth(series(records, name))
        best = min(points, key=lambda point: point.value, default=Point(0, 0.0))
        run = standing(points, 3, above=RISEN * best.value)
        if run and best.value > 0:
            yield Finding(
                name,
                run[0].step,
                f"{name} has risen from {best.value:.4g} at step {best.step:,} to {run[-1].value:.4g}, "
                f"{run[-1].value / best.value:.1f} times as much, since step {run[0].step:,}",
            )


RISING = Rule(
    "a loss rises",
    "A loss that training should lower has risen by half over its best: it diverges, or its sign is wrong.",
    "losses trade against each other by some 10 %, also when a discriminator joins, and means over fifty steps scatter "
    "as much; half as much again, in medians of three records and three times in a row, is neither.",
    ("check that the loss has a positive weight and enters the sum once", "lower the learning rate", "resume earlier"),
    find_rising,
)


def find_negative(records: Sequence[Record]) -> Iterator[Finding]:
    for name in names(records, r"loss/.+"):
        run = standing(series(records, name), 2, below=0.0)
        if run and name.removeprefix("loss/") not in UNBOUNDED:
            yield Finding(
                name.removeprefix("loss/"),
                run[0].step,
                f"{name.removeprefix('loss/')} enters the sum as {run[-1].value:.4g} since step {run[0].step:,}: "
                "training makes it worse",
            )


NEGATIVE = Rule(
    "wrong sign",
    "A distance enters the weighted sum as a negative number, so that training increases it.",
    "distances are never negative, and so never are their weighted values.",
    ("make the weight positive", "(estimate, reference): look for a swapped difference without absolute value"),
    find_negative,
)


def find_stalled(records: Sequence[Record]) -> Iterator[Finding]:
    parts = [series(records, name) for name in names(records, r"moved/(encoder|decoder|quantizer)")]
    still = [standing(points, 2, below=1e-7) for points in parts]
    courses = [smooth(series(records, name)) for name in distances(records)]
    known = bool(courses) and all(len(course) >= 10 for course in courses)
    if still and all(still):
        since = max(run[0].step for run in still)
        yield Finding("codec", since, f"no weight of the codec has moved since step {since:,}")
    elif known and all(min(point.value for point in course) > GAIN * course[0].value for course in courses):
        first, last = courses[0][0].step, courses[0][-1].step
        yield Finding("codec", first, f"from step {first:,} to {last:,} no loss of the wav has fallen by even 1 %")


STALLED = Rule(
    "training stalled",
    "Nothing moves, or nothing has improved since the beginning.",
    "even a codec that starts from its closed form lowers some loss by several percent within ten records; a plateau "
    "at the end of a run is no stall, since the start is what it is compared with.",
    ("check that the optimizer holds the weights, and at a learning rate above 0", "raise the learning rate"),
    find_stalled,
)


def find_overfitting(records: Sequence[Record]) -> Iterator[Finding]:
    for name in names(records, r"gap/.+"):
        points = smooth(series(records, name))
        run = standing(points, 5, above=points[0].value + GAP) if points else []
        if run:
            loss = name.removeprefix("gap/")
            yield Finding(
                loss,
                run[0].step,
                f"{loss} on held-out clips is {run[-1].value:+.0%} of that on the training clips, at the start "
                f"{points[0].value:+.0%}; so since step {run[0].step:,}",
            )


OVERFITTING = Rule(
    "overfitting",
    "The codec does ever better on its training data than on held-out data.",
    "the two samples differ in content, so the gap counts from where it began; a quarter more is beyond what a codec "
    "of millions of weights shows on hours of speech.",
    ("train on more data", "stop earlier", "raise the weight decay", "make the codec smaller"),
    find_overfitting,
)
