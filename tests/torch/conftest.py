"""A corpus and the start of a run for all tests of training, each as in a process of its own."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from kvant.training.config import Phase, StartConfig
from kvant.training.gan_step import GanStep
from kvant.training.run import Run
from kvant.training.run_state import RunState
from kvant.training.schedule import set_rate
from tests.torch import small_run


@pytest.fixture(autouse=True)
def as_in_a_process_of_its_own() -> Iterator[None]:
    """Training sets threads, the treatment of denormals, and accelerate's one precision a process."""
    threads = torch.get_num_threads()
    yield
    AcceleratorState._reset_state()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run.write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def start(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in closed form."""
    folder = tmp_path_factory.mktemp("start")
    Run(small_run.config(corpus), folder).begin()
    return folder / "start" / "model.safetensors"


@pytest.fixture
def enlist(corpus: Path, start: Path, tmp_path: Path) -> small_run.Enlist:
    """`enlist(phase, ...)`: a run at its start, who learns in its only phase, and its state."""

    def enlist(phase: Phase, **changes: object) -> tuple[Run, GanStep, RunState]:
        begun = StartConfig(checkpoint=str(start))
        config = dataclasses.replace(small_run.config(corpus, phase), start=begun, **changes)
        run = Run(config, tmp_path)
        run.begin()
        step, state = run.enlist(0, saved=False)
        for optimizer in state.optimizers.values():
            set_rate(optimizer, 1.0)
        return run, step, state

    return enlist
