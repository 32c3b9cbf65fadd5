"""Runs that are broken on purpose, one thing at a time: the doctor names it, and finds nothing in healthy ones."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from kvant.codec import Codec
from kvant.data import Batch
from kvant.training import run as run_module
from kvant.training.config import AdversaryConfig
from kvant.training.diagnosis.records import read_records
from kvant.training.diagnosis.symptom import Symptom
from kvant.training.run import Run
from tests.diagnosis.tiny_run import EVERY, Sabotage, phase
from tests.torch import small_run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run.write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def sabotage(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sabotage:
    return Sabotage(corpus, tmp_path, monkeypatch)


def places(symptoms: Sequence[Symptom], name: str) -> list[str]:
    return [symptom.where for symptom in symptoms if symptom.name == name]


def cut_the_copy(codec: Codec) -> None:
    codec.quantizer.gradient = lambda latents, quantized: quantized


def test_a_healthy_run_has_no_symptom_and_improves(sabotage: Sabotage, capsys: pytest.CaptureFixture[str]) -> None:
    assert sabotage.train(phase(45)) == []
    assert "DOCTOR" not in capsys.readouterr().out
    records = read_records(sabotage.run / "health.jsonl")
    assert [record["step"] for record in records] == list(range(EVERY, 46, EVERY))
    assert min(record["held_out/mel"] for record in records[-4:]) < 0.9 * records[0]["held_out/mel"]
    assert all(record["reach"] == pytest.approx(1) for record in records)


def test_a_healthy_game_has_no_symptom(sabotage: Sabotage) -> None:
    assert sabotage.train(phase(6), phase(24, adversary=AdversaryConfig())) == []
    records = read_records(sabotage.run / "health.jsonl")
    assert ["balance/discriminator/accuracy" in record for record in records] == [False] * 2 + [True] * 8


def test_no_straight_through_copy(sabotage: Sabotage, capsys: pytest.CaptureFixture[str]) -> None:
    """Found in the records, and printed once while training."""
    sabotage.spoil(cut_the_copy)
    (symptom,) = sabotage.train(phase(12))
    assert (symptom.name, symptom.where, symptom.since_step) == ("no gradient to the encoder", "quantizer", EVERY)
    assert "0.0% of the gradient" in symptom.sentence
    assert capsys.readouterr().out.count("DOCTOR no gradient to the encoder (quantizer): 0.0% of") == 1


def test_a_frozen_codebook(sabotage: Sabotage) -> None:
    def freeze(codec: Codec) -> None:
        codec.quantizer.codebooks[1].update = lambda *_: None

    sabotage.spoil(freeze)
    (symptom,) = sabotage.train(phase(15))
    assert (symptom.name, symptom.where) == ("frozen codebook", "codebook 1")


def test_a_flipped_sign(sabotage: Sabotage) -> None:
    symptoms = sabotage.train(phase(15), mel=-10.0)
    assert places(symptoms, "wrong sign") == ["mel"]
    assert symptoms[0].since_step == EVERY


def test_a_sign_flipped_where_the_doctor_cannot_see_it(sabotage: Sabotage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The optimizer climbs while the losses say descend: they rise."""
    make = run_module.codec_optimizer

    def climbing(*arguments: Any) -> Any:
        optimizer = make(*arguments)
        for group in optimizer.param_groups:
            group["maximize"] = True
        return optimizer

    monkeypatch.setattr(run_module, "codec_optimizer", climbing)
    rising = set(places(sabotage.train(phase(45, 3e-3)), "a loss rises"))
    assert rising & {"held_out/mel", "held_out/log_magnitude", "held_out/complex_stft", "held_out/loudness"}


def test_silence(sabotage: Sabotage, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Run.batch

    def silent(self: Run, index: int, step: int) -> tuple[Batch, Tensor]:
        batch, depths = heard(self, index, step)
        return Batch(0 * batch.wav, batch.bandwidth), depths

    monkeypatch.setattr(Run, "batch", silent)
    (symptom,) = sabotage.train(phase(9))
    assert (symptom.name, symptom.where, symptom.since_step) == ("silent data", "data", EVERY)


def test_a_learning_rate_a_thousand_times_too_high(sabotage: Sabotage) -> None:
    symptoms = sabotage.train(phase(EVERY, 1.0))
    assert symptoms[0].name == "learning rate too high"
    assert set(places(symptoms, "learning rate too high")) == {"encoder", "decoder"}


def test_a_loss_that_is_no_number(sabotage: Sabotage) -> None:
    symptoms = sabotage.train(phase(6), mel=float("nan"))
    assert symptoms[0].name == "non-finite loss"
    assert "loss/mel" in places(symptoms, "non-finite loss")
    assert "NaN" not in (sabotage.run / "health.jsonl").read_text(), "records are strict JSON"


def test_a_discriminator_that_does_not_learn(sabotage: Sabotage) -> None:
    (symptom,) = sabotage.train(phase(12, adversary=AdversaryConfig(learning_rate=0.0)))
    assert (symptom.name, symptom.where) == ("discriminator starved", "discriminator discriminator")


def test_a_discriminator_that_wins(sabotage: Sabotage) -> None:
    """Against a codec that hardly moves."""
    symptoms = sabotage.train(phase(70, 1e-6, AdversaryConfig(learning_rate=1e-3)))
    (found,) = [symptom for symptom in symptoms if symptom.name == "discriminator too strong"]
    assert found.where == "discriminator discriminator"
    assert re.search(r"right (9\d|100)% of the time", found.sentence)
    assert not places(symptoms, "discriminator starved")
