"""Two processes that share every batch learn what one process learns from the whole."""

import dataclasses
import shutil
import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kvant.training.config import LossWeights, TrainingConfig
from kvant.training.diagnosis.records import read_records
from tests.torch import small_run, worker
from tests.torch.worker import Trouble


def config(corpus: Path) -> TrainingConfig:
    """All by losses of signals, then all against an adversary.

    Without feature matching: it divides by the mean of features over a batch, so halves do not add up to the whole.
    """
    phases = small_run.phase(4), small_run.phase(4, adversary=small_run.ADVERSARY)
    weights = LossWeights(feature_matching=0)
    return dataclasses.replace(small_run.config(corpus, *phases), weights=weights)


@pytest.fixture(scope="module")
def runs(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `alone`, and `first` and `second` of two processes, each with what it has learnt beside it.

    The two are interrupted between the phases. Each has a folder of its own, to see who writes; the state that both
    resume from is put into the second's.
    """
    folder = tmp_path_factory.mktemp("ranks")
    chosen = config(corpus)
    train_together(dataclasses.replace(chosen, phases=chosen.phases[:1]), folder)
    assert list((folder / "second").iterdir()) == []
    shutil.copy(folder / "first" / "state.safetensors", folder / "second" / "state.safetensors")
    train_together(chosen, folder)
    worker.finish(worker.start(chosen, folder / "alone"), folder / "alone")
    return folder


def train_together(chosen: TrainingConfig, folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [folder / "first", folder / "second"]
    processes = [worker.start(chosen, run, Trouble(rank=rank, port=port)) for rank, run in enumerate(ranks)]
    try:
        for process, run in zip(processes, ranks):
            worker.finish(process, run)
    finally:
        for process in processes:
            process.kill()


def test_only_the_first_process_writes(runs: Path) -> None:
    assert [path.name for path in (runs / "second").iterdir()] == ["state.safetensors"]
    assert int(load_file(runs / "second" / "state.safetensors")["step"]) == 4
    assert int(load_file(runs / "first" / "state.safetensors")["step"]) == 8
    names = {path.name for path in (runs / "alone").iterdir()}
    assert {path.name for path in (runs / "first").iterdir()} == names
    said = (runs / "first.log").read_text()
    assert "closed form" in said
    assert "resumes at step 4" in said
    assert (runs / "second.log").read_text() == ""


def test_both_processes_end_with_the_same_codec(runs: Path) -> None:
    first, second = (load_file(runs / f"{name}.safetensors") for name in ("first", "second"))
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_together_they_learn_what_one_process_does(runs: Path) -> None:
    """Counts of codes are equal; the rest up to rounding, which Adam blows up where gradients are nearly nothing."""
    alone, first = (load_file(runs / name / "state.safetensors") for name in ("alone", "first"))
    assert alone.keys() == first.keys()
    for name, expected in alone.items():
        exact = name.endswith(("counts", "usage", "steps", "started", "step", "generator", "random"))
        largest = float(expected.double().abs().max())
        tolerance = 0.0 if exact else 1e-3 * largest if "optimizer" in name else 1e-4
        assert float((first[name] - expected).abs().max()) <= tolerance, name
    histories = [read_records(runs / name / "history.jsonl") for name in ("alone", "first")]
    assert [record["step"] for record in histories[0]] == [4, 8]
    for expected, found in zip(*histories, strict=True):
        assert found == pytest.approx(expected, rel=1e-3)
