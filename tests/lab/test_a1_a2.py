"""a1 and a2 whole: they take seconds."""

import pytest
import torch

from kvant.lab import a1_gradient_atlas, a2_bias_variance
from kvant.lab.bench import Bench
from kvant.lab.experiment import Experiment
from kvant.lab.figure import render


@pytest.mark.parametrize("experiment", [a1_gradient_atlas.EXPERIMENT, a2_bias_variance.EXPERIMENT])
def test_they_find_what_they_claim_and_the_same_twice(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(a2_bias_variance, "PROBLEMS", 6)
    monkeypatch.setattr(a2_bias_variance, "DRAWS", 8000)
    findings = []
    for _ in range(2):
        torch.manual_seed(5)
        findings.append(experiment.run(Bench(5)))
    assert all(check.holds for check in findings[0].checks), findings[0].checks
    assert findings[0].rows == findings[1].rows
    assert len(render(findings[0].draw)) < 120_000


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
