"""Runs that are broken on purpose, one thing at a time: the doctor names it, and finds nothing in healthy ones."""

from collections.abc import Sequence
from pathlib import Path

from kvant.training.diagnosis.records import read_records
from kvant.training.diagnosis.symptom import Symptom
from kvant.training.diagnosis.symptoms import diagnose
from tests.diagnosis.tiny_run import ADVERSARIAL, WEIGHTS, TinyRun


def places(symptoms: Sequence[Symptom], name: str) -> list[str]:
    return [symptom.where for symptom in symptoms if symptom.name == name]


def test_a_healthy_run_has_no_symptom_and_improves(tmp_path: Path) -> None:
    run = TinyRun()
    assert run.train(tmp_path, 45) == []
    records = read_records(tmp_path / "health.jsonl")
    assert [record["step"] for record in records] == list(range(3, 46, 3))
    assert min(record["loss/mel"] for record in records[-4:]) < 0.85 * records[0]["loss/mel"]
    assert all(record["reach"] == 1 for record in records)


def test_a_healthy_game_has_no_symptom(tmp_path: Path) -> None:
    run = TinyRun(weights=ADVERSARIAL)
    assert run.train(tmp_path, 30) == []
    records = read_records(tmp_path / "health.jsonl")
    assert all(0.4 < record["balance/judge/accuracy"] <= 1 for record in records)


def test_no_straight_through_copy(tmp_path: Path) -> None:
    run = TinyRun()
    run.codec.quantizer.gradient = lambda latents, quantized: quantized
    (symptom,) = run.train(tmp_path, 12)
    assert (symptom.name, symptom.where, symptom.since_step) == ("no gradient to the encoder", "quantizer", 3)
    assert "0.0% of the gradient" in symptom.sentence


def test_a_frozen_codebook(tmp_path: Path) -> None:
    run = TinyRun()
    book = run.codec.quantizer.codebooks[1]
    vectors = book.weight.clone()
    symptoms = run.train(tmp_path, 15, lambda: book.weight.copy_(vectors))
    assert places(symptoms, "frozen codebook") == ["codebook 1"]
    assert len(symptoms) == 1


def test_a_flipped_sign(tmp_path: Path) -> None:
    """Of the mel loss: it enters as a negative number, and what training does to it can be heard as holes."""
    symptoms = TinyRun(weights={**WEIGHTS, "mel": -10.0}).train(tmp_path, 30)
    assert places(symptoms, "wrong sign") == ["mel"]
    assert symptoms[0].since_step == 3


def test_a_sign_flipped_where_the_doctor_cannot_see_it(tmp_path: Path) -> None:
    """The optimizer climbs while the losses say descend: they rise."""
    symptoms = TinyRun(ascend=True).train(tmp_path, 45)
    assert set(places(symptoms, "a loss rises")) & {"held_out/mel", "held_out/log_magnitude", "held_out/complex_stft"}


def test_silence(tmp_path: Path) -> None:
    (symptom,) = TinyRun(gain=0.0).train(tmp_path, 15)
    assert (symptom.name, symptom.where, symptom.since_step) == ("silent data", "data", 3)


def test_a_learning_rate_a_thousand_times_too_high(tmp_path: Path) -> None:
    symptoms = TinyRun(rates=(1.0, 1e-3)).train(tmp_path, 9)
    assert symptoms[0].name == "learning rate too high"
    assert set(places(symptoms, "learning rate too high")) == {"encoder", "decoder"}


def test_a_loss_that_is_no_number(tmp_path: Path) -> None:
    run = TinyRun(weights={**WEIGHTS, "mel": float("nan")})
    symptoms = run.train(tmp_path, 6)
    assert symptoms[0].name == "non-finite loss"
    assert "loss/mel" in places(symptoms, "non-finite loss")
    assert "NaN" not in (tmp_path / "health.jsonl").read_text(), "records are strict JSON"


def test_a_discriminator_that_does_not_learn(tmp_path: Path) -> None:
    (symptom,) = TinyRun(rates=(1e-3, 0.0), weights=ADVERSARIAL).train(tmp_path, 15)
    assert (symptom.name, symptom.where) == ("discriminator starved", "discriminator judge")


def test_a_discriminator_that_wins(tmp_path: Path) -> None:
    """Against a codec that hardly moves."""
    run = TinyRun(rates=(1e-5, 3e-3), weights=ADVERSARIAL, judge_steps=3)
    symptoms = run.train(tmp_path, 45)
    assert places(symptoms, "discriminator too strong") == ["discriminator judge"]
    assert not places(symptoms, "discriminator starved")
    (found,) = [symptom for symptom in symptoms if symptom.name == "discriminator too strong"]
    assert "right 100%" in found.sentence


def test_what_was_reported_stands_in_the_records(tmp_path: Path) -> None:
    """The same rules on the file say the same as in the loop."""
    run = TinyRun()
    run.codec.quantizer.gradient = lambda latents, quantized: quantized
    reported = run.train(tmp_path, 6)
    assert diagnose(read_records(tmp_path / "health.jsonl")) == list(reported)
