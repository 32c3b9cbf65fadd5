"""Each rule on records made for it: where it fires, where it must not, and what it says."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from kvant.training.diagnosis.symptom import Symptom
from kvant.training.diagnosis.symptoms import STATES, SYMPTOMS, diagnose

HEALTHY: dict[str, float] = {
    "input/silent": 0.0,
    "input/rms": 0.06,
    "reach": 1.0,
    "latents/rms": 1.3,
    "held_out/quantization_snr": 13.0,
    "output/clipped": 0.0,
    "output/holes": 0.04,
    "output/deepest_hole": -6.0,
    "output/whistles": 0.0,
    "output/whistle_db": 8.0,
    "output/whistle_hz": 6000.0,
    "output/buzz_db": 0.5,
    "moved/encoder": 0.01,
    "moved/decoder": 0.01,
    "moved/judge": 0.01,
    "gradient/encoder": 1.5,
    "gradient/decoder": 5.0,
    "pull/mel": 0.1,
    "loss/mel": 0.5,
    "held_out/mel": 0.5,
    "train/mel": 0.25,
    "mel@8": 0.25,
    "gap/mel": 0.05,
    "balance/judge/accuracy": 0.8,
    "balance/judge/real": 0.5,
    "balance/judge/fake": -0.5,
}
for _level in range(4):
    HEALTHY |= {
        f"level_{_level}/usage": 0.85,
        f"level_{_level}/entropy": 9.4,
        f"level_{_level}/perplexity": 675.0,
        f"level_{_level}/n": 12000.0,
        f"level_{_level}/size": 1024.0,
        f"level_{_level}/residual_energy": 0.2 / (_level + 1),
        f"codebook_{_level}/drift": 0.2,
        f"codebook_{_level}/moved": 0.02,
    }


def course(count: int = 14, since: int = 8, **changes: Any) -> list[dict[str, float]]:
    """Healthy records at steps 50, 100, ..., losses falling; from number `since` on changed (level_3__usage=0.1).

    A change that is a function is called with the number of records since then.
    """
    records = []
    for index in range(count):
        record = {"step": 50.0 * (index + 1), **HEALTHY}
        for name in ("held_out/mel", "train/mel", "loss/mel", "mel@8"):
            record[name] *= 1 - 0.02 * index
        if index >= since:
            for name, change in changes.items():
                record[name.replace("__", "/")] = change(index - since) if callable(change) else change
        records.append(record)
    return records


def only(symptoms: Sequence[Symptom]) -> Symptom:
    assert len(symptoms) == 1, [symptom.sentence for symptom in symptoms]
    return symptoms[0]


def test_a_healthy_course_has_no_symptom_at_any_length() -> None:
    for count in range(15):
        assert diagnose(course(count)) == []


CASES = [
    ("silent data", "data", {"input__silent": 0.9}, "90% of the segments"),
    ("non-finite loss", "loss/mel", {"loss__mel": math.nan}, "no finite number since step 450"),
    ("no gradient to the encoder", "quantizer", {"reach": 0.001}, "0.1% of the gradient"),
    ("wrong sign", "mel", {"loss__mel": -0.3}, "-0.3"),
    ("learning rate too high", "decoder", {"moved__decoder": 3.5}, "3.5 times their norm"),
    ("exploding gradients", "encoder", {"gradient__encoder": 60.0}, "40 times its usual 1.5"),
    ("a loss rises", "held_out/mel", {"held_out__mel": 1.0}, "to 1,"),
    ("a loss rises", "mel@8", {"mel@8": lambda k: 0.1 * 2**k}, "times as much"),
    ("overfitting", "mel", {"gap__mel": 0.5}, "+50%"),
    ("frozen codebook", "codebook 2", {"codebook_2__moved": 0.0}, "codebook 2 have not moved since step 450"),
    (
        "codebook collapse",
        "level 3",
        {"level_3__usage": 0.11, "level_3__residual_energy": 0.01},
        "uses 11% of its codes",
    ),
    ("codebook collapse", "level 1", {"level_1__entropy": 4.0, "level_1__perplexity": 16.0}, "as if it had 16"),
    ("starved deep level", "level 3", {"level_3__usage": 0.58}, "430 of 1024 are dead"),
    ("stale codebook", "codebook 0", {"codebook_0__drift": 0.8}, "save 64% of its energy"),
    ("latents run away", "latents", {"latents__rms": 3.0}, "from 1.3 to 3 RMS"),
    ("latents run away", "quantizer", {"held_out__quantization_snr": 10.0}, "3.0 dB less than at best"),
    (
        "discriminator too strong",
        "discriminator judge",
        {"balance__judge__accuracy": 0.99, "balance__judge__fake": lambda k: -1.0 - k},
        "scored -1.00 then, -5.00 now",
    ),
    ("discriminator starved", "discriminator judge", {"balance__judge__accuracy": 0.5}, "right 50% of the time"),
    ("discriminator starved", "discriminator judge", {"moved__judge": 0.0}, "has not moved since step 450"),
    ("output clips", "output", {"output__clipped": 0.02}, "2.00% of the decoded samples"),
    ("spectral holes", "output", {"output__holes": 0.25, "output__deepest_hole": -18.0}, "worst by 18 dB"),
    ("whistles", "output", {"output__whistles": 60.0, "output__whistle_db": 29.0}, "60 frequencies"),
    ("whistles", "output", {"output__whistles": 1.0, "output__whistle_db": 25.0}, "at 6000 Hz"),
    ("buzz at the frame rate", "output", {"output__buzz_db": 12.0}, "stand 12 dB further out"),
]


@pytest.mark.parametrize(("name", "where", "changes", "words"), CASES)
def test_a_symptom_is_named_placed_and_dated(name: str, where: str, changes: dict[str, Any], words: str) -> None:
    found = only(diagnose(course(**changes)))
    assert (found.name, found.where) == (name, where)
    assert found.since_step in (450, 500, 550, 600), "changed from step 450 on; medians and growth come a little later"
    assert words in found.sentence
    assert found.reason
    assert found.remedies


@pytest.mark.parametrize(("name", "where", "changes", "words"), CASES)
def test_it_is_gone_when_its_cause_is(name: str, where: str, changes: dict[str, Any], words: str) -> None:
    """Six records later, all of them healthy."""
    assert (
        diagnose([*course(**changes), *({**record, "step": record["step"] + 700} for record in course(14)[-6:])]) == []
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"level_3__usage": 0.11, "level_3__n": 1000.0},  # too few latents to tell
        {"level_0__usage": 0.6},  # the first level is used unevenly by nature
        {"codebook_2__moved": 0.0, "moved__encoder": 0.0},  # quantizer and encoder are frozen together
        {"moved__judge": 0.0, "moved__decoder": 0.0},  # nobody plays
        {"balance__judge__accuracy": 0.99, "balance__judge__fake": lambda k: -3.0 + 0.5 * k},  # the codec gains
        {"output__whistles": 6.0, "output__whistle_db": 14.0},  # as in a closed form
        {"train__adversarial": lambda k: 1.0 + k, "held_out__adversarial": lambda k: 1.0 + k},
    ],
)
def test_what_looks_alike_is_no_symptom(changes: dict[str, Any]) -> None:
    assert diagnose(course(**changes)) == []


def test_one_odd_record_is_no_symptom() -> None:
    """Except where one is enough: what is not finite stays so, and no weight moves by its own norm by accident."""
    for name, _, changes, _ in CASES:
        if name not in ("non-finite loss", "learning rate too high"):
            assert diagnose(course(14, 13, **changes)) == [], name


def test_a_stall_is_a_start_that_leads_nowhere() -> None:
    flat = course(16)
    for record in flat:
        record |= {"held_out/mel": 0.5, "train/mel": 0.25 + 1e-5 * (record["step"] % 100)}
    assert only(diagnose(flat)).name == "training stalled"
    late = course(30)
    for record in late[14:]:
        record |= {"held_out/mel": 0.36, "train/mel": 0.18}
    assert diagnose(late) == [], "a plateau after progress is none"


def test_no_weight_moving_is_a_stall() -> None:
    found = only(diagnose(course(moved__encoder=0.0, moved__decoder=0.0)))
    assert found.name == "training stalled"
    assert found.sentence == "no weight of the codec has moved since step 450"


def test_silence_explains_all_else() -> None:
    broken = course(input__silent=1.0, level_0__usage=0.001, level_0__entropy=0.0, reach=0.0)
    assert only(diagnose(broken)).name == "silent data"


def test_what_a_resumed_run_lacks_is_no_error() -> None:
    """The first record after a resume has no movement; records of validation have losses alone."""
    records = course()
    for name in ("moved/encoder", "moved/decoder", "codebook_0/moved"):
        del records[9][name]
    assert diagnose([*records, {"step": 900.0, "mel@8": 0.2}]) == []


def test_symptoms_have_distinct_names_and_the_states_are_among_them() -> None:
    names = [rule.name for rule in SYMPTOMS]
    assert len(set(names)) == len(names)
    assert set(STATES) <= set(SYMPTOMS)
    assert {name for name, *_ in CASES} | {"training stalled"} == set(names), "a rule without a case"
