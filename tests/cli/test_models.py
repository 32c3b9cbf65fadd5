"""`kvant models`, `kvant train`, `kvant export`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kvant
from kvant.runtime import DEFAULT, available
from tests.cli.conftest import Outcome

RECIPE = """
from kvant.codecs import frame
from kvant.training.config import Phase, TrainingConfig

config = TrainingConfig(
    name="small",
    corpus="nowhere",
    phases=(Phase(steps=2, batch_size=2, seconds=0.25),),
    codec=frame.Config(num_codebooks=2, codebook_size=16),
    depths=(1, 2),
    solve_segments=8,
)
"""


def test_models_as_json(run: Callable[..., Outcome]) -> None:
    found = {model["name"]: model for model in json.loads(run("models", "--json").out)}
    assert set(found) == set(available())
    model, codec = found[DEFAULT], kvant.load()
    assert model["default"] is True
    assert model["sample_rate"] == codec.sample_rate
    assert model["bitrates"] == [750.0 * levels for levels in range(1, 13)]
    assert model["latency_ms"] == pytest.approx(26.67, abs=0.01)
    assert model["decoder_digest"] == codec.decoder_digest.hex()
    assert model["model_digest"] == codec.model_digest.hex()
    assert 1e6 < model["parameters"] < 1e7
    assert model["bytes"] == sum(path.stat().st_size for path in available()[DEFAULT].iterdir())
    assert Path(model["folder"]) == available()[DEFAULT]


def test_models_as_text(run: Callable[..., Outcome]) -> None:
    done = run("models")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{DEFAULT}, used unless -m names another\n")
    assert "0.75, 1.5, 2.25, 3, 3.75, 4.5, 5.25, 6, 6.75, 7.5, 8.25, 9 kbit/s" in done.out
    assert kvant.load().decoder_digest.hex() in done.out


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "recipe.py").write_text(RECIPE)
    return tmp_path / "recipe.py"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for split in ("train", "dev"):
        folder = tmp_path / "corpus" / split
        folder.mkdir(parents=True)
        np.save(folder / "audio.npy", rng.integers(-3000, 3000, 48000).astype(np.int16))
        clip = {"speaker": "noise", "language": "none", "offset": 0, "length": 48000, "bandwidth_hz": 12000}
        (folder / "clips.jsonl").write_text(json.dumps(clip) + "\n")
    return tmp_path / "corpus"


def without_torch(*arguments: object) -> "subprocess.CompletedProcess[str]":
    script = "import sys; sys.modules['torch'] = None; from kvant.cli import main; main()"
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_torch_the_extra_is_named(recipe: Path, tmp_path: Path) -> None:
    model = available()[DEFAULT] / "model.safetensors"
    for arguments in (["train", recipe, "-o", tmp_path / "run"], ["export", model, "-f"]):
        done = without_torch(*arguments)
        assert done.returncode == 2
        assert done.stderr == (
            "kvant: error: this needs the package 'torch', which is not installed: pip install 'kvant[train]'\n"
        )
    assert not (tmp_path / "run").exists()


def test_train_hands_the_changed_config_on(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]
) -> None:
    pytest.importorskip("torch")
    calls: list[Any] = []
    monkeypatch.setattr("kvant.training.loop.train", lambda *arguments: calls.append(arguments))
    done = run(
        "train",
        recipe,
        "phases.0.steps=5",
        "phases.0.optim.betas=0.5,0.9",
        "codec.num_codebooks=3",
        "-o",
        tmp_path / "run",
    )
    assert (done.code, done.err) == (0, "")
    config, folder, resume = calls.pop()
    assert (config.steps, config.phases[0].optim.betas, config.codec.num_codebooks) == (5, (0.5, 0.9), 3)
    assert (config.name, config.codec.codebook_size) == ("small", 16)
    assert (folder, resume) == (tmp_path / "run", False)

    (tmp_path / "run").mkdir()
    (tmp_path / "run/state.safetensors").write_bytes(b"precious")
    done = run("train", recipe, "-o", tmp_path / "run")
    assert done.code == 2
    assert "--resume" in done.err
    assert run("train", recipe, "-o", tmp_path / "run", "--resume").code == 0
    assert calls.pop()[2] is True
    assert not calls


def test_recipes_import_what_lies_beside_them(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]
) -> None:
    """Also the recipe of the shipped model, named from any folder."""
    pytest.importorskip("torch")
    configs: list[Any] = []
    monkeypatch.setattr("kvant.training.loop.train", lambda config, *arguments: configs.append(config))
    recipe.with_name("steps_of_a_test.py").write_text("STEPS = 9")
    recipe.write_text("import steps_of_a_test\n" + RECIPE.replace("steps=2", "steps=steps_of_a_test.STEPS"))
    path = list(sys.path)
    for name in (recipe, Path(__file__).parents[2] / "recipes/voice_24khz.py"):
        done = run("train", name, "-o", recipe.with_name("run"))
        assert (done.code, done.err) == (0, "")
    assert [config.name for config in configs] == ["small", DEFAULT]
    assert configs[0].steps == 9
    assert sys.path == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such recipe"),
        ("config = 3", "must set `config` to a TrainingConfig, got int"),
        ("x = 3", "got NoneType"),
        ("config = (", "SyntaxError"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_bad_recipe(text: str | None, message: str, recipe: Path, run: Callable[..., Outcome]) -> None:
    pytest.importorskip("torch")
    recipe.unlink() if text is None else recipe.write_text(text)
    done = run("train", recipe, "-o", recipe.with_name("run"))
    assert done.code == 2
    assert done.err.startswith(f"kvant: error: {recipe}: ")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_bad_override(recipe: Path, run: Callable[..., Outcome]) -> None:
    pytest.importorskip("torch")
    done = run("train", recipe, "phases.0.optim.learning_rat=1", "-o", recipe.with_name("run"))
    assert done.code == 2
    assert "did you mean phases.0.optim.learning_rate?" in done.err
    assert not recipe.with_name("run").exists()


def test_missing_corpus(recipe: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    pytest.importorskip("torch")
    done = run("train", recipe, f"corpus={tmp_path / 'missing'}", "-o", tmp_path / "run")
    assert done.code == 2
    assert str(tmp_path / "missing") in done.err
    assert done.err.count("\n") == 1


def test_a_trained_model_is_exported_and_used(
    recipe: Path, corpus: Path, clip: Path, tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    pytest.importorskip("onnxscript")
    folder = tmp_path / "run"
    done = run("train", recipe, f"corpus={corpus}", "threads=1", "-o", folder)
    assert (done.code, done.err) == (0, "")
    assert run("train", recipe, f"corpus={corpus}", "phases.0.steps=3", "threads=1", "-o", folder, "--resume").code == 0

    done = run("export", folder / "model.safetensors")
    assert done.code == 0
    assert [line.split(": ")[0] for line in done.out.splitlines()] == [
        str(folder / "encoder.onnx"),
        str(folder / "decoder.onnx"),
    ]
    assert "exists already" in run("export", folder / "model.safetensors").err

    assert run("encode", clip, "-m", folder).code == 0
    assert "2 of 2 codebooks, of 16 entries" in run("info", clip.with_suffix(".kvt")).out
    assert run("decode", clip.with_suffix(".kvt"), "-f").code == 3, "no shipped model can"
    assert run("decode", clip.with_suffix(".kvt"), "-f", "-m", folder / "model.safetensors").code == 0
    assert run("roundtrip", clip, "-m", folder).code == 0


def test_export_of_what_is_no_model(tmp_path: Path, run: Callable[..., Outcome]) -> None:
    pytest.importorskip("onnxscript")
    done = run("export", tmp_path / "missing.safetensors")
    assert done.code == 3
    (tmp_path / "other.safetensors").write_bytes(b"not a model")
    done = run("export", tmp_path / "other.safetensors")
    assert done.code == 3
    assert done.err.count("\n") == 1
    assert len(list(tmp_path.iterdir())) == 1
