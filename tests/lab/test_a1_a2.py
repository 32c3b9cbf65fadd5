"""a1 and a2: whole once, for what they claim; small for whether they are the same twice."""

import pytest
import torch

from kvant.lab import a1_gradient_atlas, a2_bias_variance
from kvant.lab.bench import Bench
from kvant.lab.experiment import Experiment
from kvant.lab.figure import render

EXPERIMENTS = [a1_gradient_atlas.EXPERIMENT, a2_bias_variance.EXPERIMENT]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_they_find_what_they_claim(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(a2_bias_variance, "PROBLEMS", 6)
    monkeypatch.setattr(a2_bias_variance, "DRAWS", 8000)
    torch.manual_seed(5)
    finding = experiment.run(Bench(5))
    assert all(check.holds for check in finding.checks), finding.checks
    assert len(render(finding.draw)) < 120_000


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_they_find_the_same_twice(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: (make, min(draws, 20), text) for name, (make, draws, text) in a1_gradient_atlas.ESTIMATORS.items()}
    monkeypatch.setattr(a1_gradient_atlas, "ESTIMATORS", few)
    monkeypatch.setattr(a2_bias_variance, "PROBLEMS", 2)
    monkeypatch.setattr(a2_bias_variance, "DRAWS", 200)
    rows = []
    for _ in range(2):
        torch.manual_seed(5)
        rows.append(experiment.run(Bench(5)).rows)
    assert rows[0] == rows[1]


def test_the_atlas_would_notice_an_estimator_that_does_what_it_should_not(monkeypatch: pytest.MonkeyPatch) -> None:
    swapped = dict(a1_gradient_atlas.ESTIMATORS)
    swapped["DiVeQ"] = swapped["straight-through"]
    monkeypatch.setattr(a1_gradient_atlas, "ESTIMATORS", swapped)
    failing = [check.claim for check in a1_gradient_atlas.run(Bench(0)).checks if not check.holds]
    assert failing == ["DiVeQ: no part of an arrow lies along z - q"]


def test_the_true_gradient_is_that_of_the_mean_loss() -> None:
    torch.manual_seed(0)
    problem = a2_bias_variance.Problem(torch.randn(4).double(), torch.randn(4, 3).double(), torch.randn(3).double())
    for loss, _ in a2_bias_variance.LOSSES.values():
        logits = problem.logits.clone().requires_grad_()
        (logits.softmax(0) @ loss(problem.vectors, problem.target)).backward()
        assert torch.allclose(problem.truth(loss), logits.grad)
