"""What holds for every experiment."""

from importlib import import_module
from pathlib import Path

import pytest

from kvant.lab import EXPERIMENTS, TITLES
from kvant.lab.experiment import Experiment
from tests.test_imports import MODULES


def test_every_experiment_has_a_title_and_its_file_is_listed() -> None:
    assert list(EXPERIMENTS) == list(TITLES)
    assert list(EXPERIMENTS) == sorted(EXPERIMENTS)
    files = {path.stem for path in MODULES["kvant.lab"].parent.glob("[a-z][0-9]_*.py")}
    assert {module.rpartition(".")[2] for module in EXPERIMENTS.values()} == files


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_is_short_and_asks_one_question(name: str) -> None:
    module = import_module(EXPERIMENTS[name])
    experiment = module.EXPERIMENT
    assert isinstance(experiment, Experiment)
    assert (experiment.name, experiment.title) == (name, TITLES[name])
    assert EXPERIMENTS[name] == f"kvant.lab.{name.replace('-', '_')}"
    assert experiment.question.count("?") == 1
    assert experiment.question.endswith("?")
    assert len(Path(str(module.__file__)).read_text().splitlines()) < 150
