"""`kvant doctor`: exit codes, what it prints, and its errors."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kvant.training.diagnosis.symptoms import SYMPTOMS
from tests.cli.conftest import Outcome
from tests.cli.test_app import imports
from tests.diagnosis.test_symptoms import course

ROOT = Path(__file__).parents[2]


def write_run(folder: Path, **changes: float) -> Path:
    """A run of 14 records, changed from step 450 on; with a config that names a corpus which is not there."""
    folder.mkdir()
    lines = [json.dumps(record) for record in course(**changes)]
    (folder / "health.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "config.json").write_text(json.dumps({"corpus": str(folder / "corpus")}))
    return folder


def test_a_healthy_run(run: Callable[..., Outcome], tmp_path: Path) -> None:
    done = run("doctor", write_run(tmp_path / "run"), "--quick")
    assert done.code == 0
    assert "14 records up to step 700" in done.out
    assert f"healthy: none of {len(SYMPTOMS)} symptoms" in done.out
    assert any(line.split() == ["2", "12000", "1024", "85%", "675", "6.7%", "0.20"] for line in done.out.splitlines())
    assert not done.err


def test_a_sick_run(run: Callable[..., Outcome], tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", level_3__usage=0.11, output__clipped=0.02)
    done = run("doctor", folder, "--quick")
    assert done.code == 1
    assert "codebook collapse: level 3 uses 11% of its codes since step 450" in done.out
    assert "try: start codebooks by k-means" in done.out
    assert "output clips: 2.00%" in done.out
    assert "healthy: none" not in done.out
    found = run("doctor", folder, "--quick", "--json")
    assert found.code == 1
    told = json.loads(found.out)
    assert (told["healthy"], told["measured"], told["last_step"]) == (False, False, 700)
    assert [(s["name"], s["where"], s["since_step"]) for s in told["symptoms"]] == [
        ("codebook collapse", "level 3", 450),
        ("output clips", "output", 450),
    ]


def test_validations_alone_can_be_judged(run: Callable[..., Outcome], tmp_path: Path) -> None:
    lines = [json.dumps({"step": 500 * k, "mel@8": 0.2 if k < 5 else 0.5}) for k in range(1, 12)]
    (tmp_path / "history.jsonl").write_text("\n".join(lines) + "\n")
    done = run("doctor", tmp_path, "--quick")
    assert done.code == 1
    assert "a loss rises: mel@8 has risen from 0.2" in done.out


def test_a_model_that_cannot_be_measured_leaves_the_records(run: Callable[..., Outcome], tmp_path: Path) -> None:
    done = run("doctor", write_run(tmp_path / "run"))
    assert done.code == 0
    assert "warning: the model is not measured" in done.err
    assert "healthy" in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 2, "no such run"),
        (["empty"], 2, "holds no run"),
        (["damaged", "--quick"], 2, "health.jsonl, line 2: not a record of a run"),
        (["run", "--quick", "--data", "empty"], 2, "give one of them"),
        (["run", "--data", "empty"], 2, "not there yet"),
        (["modelled", "--data", "empty"], 2, "no prepared corpus here"),
        (["modelled"], 2, "does not say what it was trained on"),
    ],
)
def test_errors(
    run: Callable[..., Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write_run(tmp_path / "run")
    write_run(tmp_path / "damaged")
    (tmp_path / "damaged" / "health.jsonl").write_text('{"step": 1}\n{"step"\n{"step": 3}\n')
    (tmp_path / "modelled").mkdir()
    (tmp_path / "modelled" / "model.safetensors").write_bytes(b"x")
    done = run("doctor", *arguments)
    assert done.code == code
    assert done.err.startswith("kvant: error: ")
    assert message in done.err


def test_judging_records_needs_no_torch(tmp_path: Path) -> None:
    assert "torch" not in imports("doctor", write_run(tmp_path / "run"), "--quick")


def test_a_model_is_measured_on_held_out_audio(run: Callable[..., Outcome], tmp_path: Path) -> None:
    """A small closed form on the speech it was solved for: whole levels, and the table says how many latents told."""
    pytest.importorskip("torch")
    from kvant.checkpoint import save_codec
    from tests.diagnosis.tiny_run import CODEC, small_codec
    from tests.speech import speech

    save_codec(tmp_path / "model.safetensors", small_codec(), "frame", CODEC, {"training": {"steps": 7}})
    split = tmp_path / "corpus" / "dev"
    split.mkdir(parents=True)
    np.save(split / "audio.npy", (speech(1.0, batch=8, seed=99).numpy().ravel() * 32767).astype(np.int16))
    clip = {"speaker": "s", "language": "en", "length": 24000, "bandwidth_hz": 12000}
    (split / "clips.jsonl").write_text("\n".join(json.dumps({**clip, "offset": 24000 * k}) for k in range(8)))
    done = run("doctor", tmp_path, "--data", tmp_path / "corpus", "--json")
    told = json.loads(done.out)
    assert told["measured"]
    assert told["measures"]["reach"] == pytest.approx(1)
    assert told["measures"]["level_0/n"] == 160 * 151
    assert told["measures"]["level_0/usage"] > 0.9
    assert {symptom["name"] for symptom in told["symptoms"]} <= {"spectral holes"}, "a closed form is muffled"
    assert all(symptom["since_step"] == 7 for symptom in told["symptoms"])


def test_the_page_says_what_the_rules_say() -> None:
    """`docs/doctor.md` is made by `python -m kvant.training.diagnosis.page`."""
    from kvant.training.diagnosis.page import page

    assert (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8") == page()
