"""The balance of gradients: shares, scales, running means, what is saved, and two ranks."""

import math

import pytest
import torch
from torch import Tensor

from kvant.errors import UsageError
from kvant.losses import GradientBalancer, balancer

WEIGHTS = {"l1": 1.0, "mel": 2.0, "adversarial": 5.0}


def losses(output: Tensor, scales: dict[str, float], seed: int = 0) -> dict[str, Tensor]:
    """Linear in the output, so that gradients are known; each of samples of its own, orthogonal to the others."""
    generator = torch.Generator().manual_seed(seed)
    parts = {}
    for index, (name, scale) in enumerate(scales.items()):
        direction = torch.zeros_like(output)
        direction[..., index :: len(scales)] = torch.randn(
            direction[..., index :: len(scales)].shape, generator=generator
        )
        parts[name] = scale * (direction * output).sum()
    return parts


def norm_of_items(gradient: Tensor) -> Tensor:
    return gradient.flatten(1).norm(dim=1).mean()


@pytest.fixture
def output() -> Tensor:
    return torch.randn(4, 1, 300, generator=torch.Generator().manual_seed(9)).requires_grad_()


@pytest.mark.parametrize("scales", [(1.0, 1.0, 1.0), (1e-4, 7.0, 1e4)])
def test_a_loss_has_its_weight_as_share_whatever_its_scale(output: Tensor, scales: tuple[float, ...]) -> None:
    """Shares of 1, 2 and 5 eighths of total_norm, each read off the samples that only its loss depends on."""
    given = losses(output, dict(zip(WEIGHTS, scales)))
    combined = GradientBalancer(WEIGHTS, total_norm=3.0)(given, output)
    for index, weight in enumerate(WEIGHTS.values()):
        share = norm_of_items(combined[..., index::3])
        torch.testing.assert_close(share, torch.tensor(3.0 * weight / 8))


def test_direction_is_that_of_each_gradient(output: Tensor) -> None:
    given = losses(output, dict.fromkeys(WEIGHTS, 1.0))
    (alone,) = torch.autograd.grad(given["mel"], output, retain_graph=True)
    combined = GradientBalancer(WEIGHTS)({"mel": given["mel"]}, output)
    torch.testing.assert_close(combined, alone / norm_of_items(alone))


def test_scaling_a_loss_by_1000_changes_nothing(output: Tensor) -> None:
    """Over a history: the running mean, of norms that vary from step to step, scales along."""
    plain, scaled = GradientBalancer(WEIGHTS, decay=0.9), GradientBalancer(WEIGHTS, decay=0.9)
    for step in range(5):
        scales = {"l1": 1.0, "mel": 1.0 + step, "adversarial": 0.1}
        first = plain(losses(output, scales, seed=step), output)
        second = scaled(losses(output, scales | {"mel": 1000 * scales["mel"]}, seed=step), output)
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-7)


def test_running_mean_of_norms_in_closed_form(output: Tensor) -> None:
    """Weights (1 - b) b^(t - s), divided by their sum 1 - b^t; with one loss, |combined| is |g| over that mean."""
    balance, decay = GradientBalancer({"l1": 1.0}, decay=0.999), 0.999
    norms = []
    for step, scale in enumerate((1.0, 8.0, 0.5, 3.0)):
        given = losses(output, {"l1": scale}, seed=step)
        (gradient,) = torch.autograd.grad(given["l1"], output, retain_graph=True)
        norms.append(float(norm_of_items(gradient)))
        mean = sum(decay ** (step - s) * norm for s, norm in enumerate(norms)) / sum(decay**s for s in range(step + 1))
        combined = balance(given, output)
        assert float(norm_of_items(combined)) == pytest.approx(norms[-1] / mean, rel=1e-3)


def test_a_loss_that_is_absent_keeps_its_mean(output: Tensor) -> None:
    """Shares are of those present; the absent one comes back with the mean it left with."""
    balance = GradientBalancer(WEIGHTS)
    balance(losses(output, dict.fromkeys(WEIGHTS, 1.0)), output)
    before = {name: value.clone() for name, value in balance.state_dict().items()}
    given = losses(output, dict.fromkeys(WEIGHTS, 1.0))
    del given["adversarial"]
    combined = balance(given, output)
    torch.testing.assert_close(norm_of_items(combined[..., 1::3]), torch.tensor(2 / 3))
    for name, value in balance.state_dict().items():
        assert float(value[2]) == float(before[name][2])
        assert float(value[0]) != float(before[name][0])


def test_a_resumed_run_continues(output: Tensor) -> None:
    whole, first = GradientBalancer(WEIGHTS, decay=0.9), GradientBalancer(WEIGHTS, decay=0.9)
    for step in range(3):
        for balance in (whole, first):
            balance(losses(output, dict.fromkeys(WEIGHTS, 1.0 + step), seed=step), output)
    resumed = GradientBalancer(WEIGHTS, decay=0.9)
    resumed.load_state_dict(first.state_dict())
    given = losses(output, dict.fromkeys(WEIGHTS, 0.3), seed=7)
    assert torch.equal(whole(given, output), resumed(given, output))


def test_a_loss_without_slope_adds_nothing(output: Tensor) -> None:
    """Nor does it divide by zero: a discriminator that is fooled everywhere has a hinge of 0."""
    given = {"l1": output.sum(), "mel": (output * 0).sum()}
    combined = GradientBalancer(WEIGHTS)(given, output)
    assert torch.isfinite(combined).all()
    assert float(norm_of_items(combined)) == pytest.approx(1 / 3)


def test_the_combined_gradient_trains_what_made_the_output() -> None:
    """output.backward(combined) reaches the codec; a step along it lowers both losses."""
    gain = torch.tensor(0.5, requires_grad=True)
    wav = torch.randn(2, 1, 100, generator=torch.Generator().manual_seed(0))
    output = gain * wav
    given = {"l1": (output - wav).abs().mean(), "mel": (output - wav).square().mean()}
    output.backward(GradientBalancer(WEIGHTS)(given, output))
    assert gain.grad < 0
    assert math.isfinite(gain.grad)


def test_unknown_and_unconnected_losses_are_refused(output: Tensor) -> None:
    with pytest.raises(UsageError, match=r"no weight for feature: name it"):
        GradientBalancer(WEIGHTS)({"feature": output.sum()}, output)
    with pytest.raises(UsageError, match="mel does not depend on the output"):
        GradientBalancer(WEIGHTS)({"mel": torch.ones((), requires_grad=True) * 2}, output)


def test_two_ranks_share_their_norms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 1 and 3 items: the mean is over the four, on both ranks, so each scales its gradients alike."""
    scales = torch.tensor([1.0, 10.0, 11.0, 12.0])[:, None, None]
    combined = []
    for mine, others in ((scales[:1], scales[1:]), (scales[1:], scales[:1])):
        there = torch.stack([2 * others.sum(), torch.tensor(float(len(others)))])
        monkeypatch.setattr(balancer, "sum_over_ranks", lambda here, there=there: here + there)
        output = torch.zeros(len(mine), 1, 4, requires_grad=True)
        combined.append(GradientBalancer({"l1": 1.0})({"l1": (mine * output).sum()}, output))
    torch.testing.assert_close(torch.cat(combined), (scales / (2 * scales.mean())).expand(4, 1, 4))
