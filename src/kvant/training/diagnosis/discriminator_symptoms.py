"""Symptoms of the game between codec and discriminators: one side has won, or does not play."""

from collections.abc import Iterator, Sequence

from kvant.training.diagnosis.records import Record, names, series, smooth, standing
from kvant.training.diagnosis.symptom import Finding, Rule

SURE, GUESSING, SCHOOLING = 0.9, 0.55, 200


def _players(records: Sequence[Record]) -> list[str]:
    return [name.split("/")[1] for name in names(records, r"balance/.+/accuracy")]


def find_too_strong(records: Sequence[Record]) -> Iterator[Finding]:
    for name in _players(records):
        run = standing(smooth(series(records, f"balance/{name}/accuracy")), 5, above=SURE)
        fakes = [point.value for point in smooth(series(records, f"balance/{name}/fake"))[-len(run) :]]
        half = len(fakes) // 2
        if run and sum(fakes[-half:]) <= sum(fakes[:half]):
            yield Finding(
                f"discriminator {name}",
                run[0].step,
                f"discriminator {name} is right {run[-1].value:.0%} of the time since step {run[0].step:,}, and ever "
                f"surer: decoded audio scored {fakes[0]:.2f} then, {fakes[-1]:.2f} now",
            )


TOO_STRONG = Rule(
    "discriminator too strong",
    "A discriminator tells all decoded audio from real, and the codec does not gain on it.",
    "while both learn, accuracy stays between some 60 and 85 %. In a run where it rose from 86 to 98 % the decoder's "
    "log-mel distance grew by half and a fifth of its bands fell away, within 700 steps. Above 90 % in five medians of "
    "three records, with scores of decoded audio no higher than at their beginning, the codec learns nothing good.",
    (
        "lower the discriminator's learning rate, or train it every second step",
        "raise the weight of the adversarial loss",
        "train the codec longer before the discriminator joins",
    ),
    find_too_strong,
)


def find_too_weak(records: Sequence[Record]) -> Iterator[Finding]:
    for name in _players(records):
        decoder = {point.step: point.value for point in series(records, "moved/decoder")}
        moved = [point for point in series(records, f"moved/{name}") if decoder.get(point.step, 0) > 1e-5]
        still = standing(moved, 2, below=1e-7)
        blind = standing(series(records, f"balance/{name}/accuracy"), 5, below=GUESSING)
        if still:
            since, why = still[0].step, f"has not moved since step {still[0].step:,} while the decoder has"
        elif blind and blind[-1].step - blind[0].step >= SCHOOLING:
            since, why = blind[0].step, f"has not told real from decoded audio since step {blind[0].step:,}"
        else:
            continue
        real, fake, accuracy = (
            series(records, f"balance/{name}/{figure}")[-1].value for figure in ("real", "fake", "accuracy")
        )
        yield Finding(
            f"discriminator {name}",
            since,
            f"discriminator {name} {why}: it is right {accuracy:.0%} of the time and gives real audio {real:.2f}, "
            f"decoded {fake:.2f}",
        )


TOO_WEAK = Rule(
    "discriminator starved",
    "A discriminator does not learn, or does no better than tossing a coin: the codec follows an ignorant judge.",
    "decoded speech is easy to tell from real: within two hundred steps a working discriminator is right 60 % of the "
    "time or more. Below 55 % for five records and so many steps, or with weights that stand still, its gradient is "
    "noise.",
    (
        "check its optimizer and learning rate, and that its gradients are zeroed before its own loss",
        "raise its learning rate",
        "make it larger",
    ),
    find_too_weak,
)
