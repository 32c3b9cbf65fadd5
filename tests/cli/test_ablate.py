"""`kvant ablate`: from a grid file to a page, once."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

from kvant.ablation import bench
from kvant.ablation.results import DIVERGED, DONE, Outcome, Rate, read_results, write_outcome

GRID = """
metrics = ["mel"]
clips = 1
groups = [{ question = "Which codebook?", product = { codebook = ["LearnedCodebook"] } }]
"""


@pytest.fixture
def grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A grid whose cells do not train: the base is measured, the other diverges; and a corpus that nobody opens."""

    def run(task: bench.Task) -> Outcome:
        rates = (Rate(1, 600.0, 3.0, {"mel distance": 0.4}),) if task.cell == "base" else ()
        status = DONE if rates else DIVERGED
        made = Outcome(task.cell, 0, task.fingerprint, status, task.choices, "" if rates else "not finite", rates=rates)
        task.result.parent.mkdir(parents=True, exist_ok=True)
        write_outcome(task.result, made)
        return made

    class Corpus:
        fingerprint = "f"

        def __init__(self, *_: object) -> None: ...

    monkeypatch.setattr(bench, "run", run)
    monkeypatch.setattr(bench, "make_start", lambda *_: None)
    monkeypatch.setattr(bench, "clips_of", lambda *_: [])
    monkeypatch.setattr(bench, "Segments", Corpus)
    (tmp_path / "grid.toml").write_text(GRID)
    return tmp_path / "grid.toml"


def test_a_grid_becomes_a_page_and_is_not_run_twice(run: Callable, grid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = grid.parent / "out"
    outcome = run("ablate", grid, "--data", "corpus", "-o", folder)
    assert outcome.code == 0
    assert "1/2 base, seed 0: 3.00 dB" in outcome.out
    assert "2/2 LearnedCodebook, seed 0: diverged, not finite" in outcome.out
    assert {path.name for path in folder.iterdir()} == {
        "cells",
        *(f"ablation.{kind}" for kind in ("json", "md", "csv", "png")),
    }
    assert len(read_results(folder / "ablation.json").outcomes) == 2
    page = (folder / "ablation.md").read_text()
    assert "| LearnedCodebook (diverged) | n/a |" in page

    refused = run("ablate", grid, "--data", "corpus", "-o", folder)
    assert refused.code == 2
    assert "holds an ablation already; continue it with --resume" in refused.err

    monkeypatch.setattr(bench, "run", lambda task: pytest.fail(f"{task.cell} runs again"))
    resumed = run("ablate", grid, "--data", "corpus", "-o", folder, "--resume")
    assert resumed.code == 0
    assert "2 of 2 are done already" in resumed.out
    assert (folder / "ablation.md").read_text() == page


def test_a_cell_is_a_file_of_its_own(run: Callable, grid: Path) -> None:
    run("ablate", grid, "--data", "corpus", "-o", grid.parent / "out")
    cells = [json.loads(path.read_text()) for path in sorted((grid.parent / "out" / "cells").iterdir())]
    assert [(cell["cell"], cell["seed"], cell["status"]) for cell in cells] == [
        ("base", 0, DONE),
        ("LearnedCodebook", 0, DIVERGED),
    ]


def test_what_a_grid_may_not_name_is_said_in_a_line(run: Callable, tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text('base.codebok = "EMACodebook"')
    outcome = run("ablate", tmp_path / "grid.toml", "--data", "corpus", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "grid.toml: base: no 'codebok'; there is quantizer, codebook" in outcome.err
    assert not (tmp_path / "out").exists()
