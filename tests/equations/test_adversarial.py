"""Adversarial losses and feature matching: their values and slopes in closed form."""

import pytest
import torch
from torch import Tensor

from kvant.losses import FeatureMatchingLoss, HingeLoss, LeastSquaresLoss
from kvant.protocols import Judgement


def judgements(*scores: Tensor) -> list[Judgement]:
    return [Judgement(score, []) for score in scores]


def constant(score: float) -> list[Judgement]:
    """Two discriminators of different sizes that say the same everywhere."""
    return judgements(torch.full((2, 1, 5), score), torch.full((2, 1, 3, 4), score))


@pytest.mark.parametrize(
    ("real", "fake", "value"), [(0.0, 0.0, 2.0), (1.0, -1.0, 0.0), (3.0, -2.0, 0.0), (-1.0, 1.0, 4.0), (0.5, -1.5, 0.5)]
)
def test_hinge_of_the_discriminator(real: float, fake: float, value: float) -> None:
    assert float(HingeLoss().discriminator(constant(real), constant(fake))) == value


@pytest.mark.parametrize(("fake", "value"), [(-1.0, 2.0), (0.0, 1.0), (1.0, 0.0), (2.0, 0.0)])
def test_hinge_of_the_generator(fake: float, value: float) -> None:
    assert float(HingeLoss().generator(constant(fake))) == value


def test_hinge_pulls_within_the_margin_only() -> None:
    """Slopes: -1/n for real below 1, +1/n for fake above -1, 0 beyond; for the generator -1/n below 1."""
    scores = torch.tensor([-1.5, -0.9, 0.0, 0.9, 1.5])
    real, fake = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    HingeLoss().discriminator(judgements(real), judgements(fake)).backward()
    torch.testing.assert_close(real.grad, torch.tensor([-1.0, -1, -1, -1, 0]) / 5)
    torch.testing.assert_close(fake.grad, torch.tensor([0, 1.0, 1, 1, 1]) / 5)
    fake.grad = None
    HingeLoss().generator(judgements(fake)).backward()
    torch.testing.assert_close(fake.grad, torch.tensor([-1.0, -1, -1, -1, 0]) / 5)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_least_squares_is_lowest_at_the_posterior(share: float) -> None:
    """Where a share p of what looks alike is real, D = p is optimal and costs p (1 - p) more than a perfect judge.

    min_D p (1 - D)^2 + (1 - p) D^2 is at D = p (Mao et al., 2017, with a = 0, b = c = 1).
    """
    score = torch.linspace(0, 1, 101)
    loss = LeastSquaresLoss()
    costs = [
        share * loss.discriminator(judgements(s), judgements(torch.zeros(())))
        + (1 - share) * loss.discriminator(judgements(torch.ones(())), judgements(s))
        for s in score
    ]
    best = int(torch.stack(costs).argmin())
    assert float(score[best]) == pytest.approx(share, abs=1e-6)
    assert float(costs[best]) == pytest.approx(share * (1 - share), abs=1e-6)


def test_least_squares_values_and_slopes() -> None:
    loss = LeastSquaresLoss()
    assert float(loss.discriminator(constant(0.5), constant(0.5))) == 0.5
    assert float(loss.discriminator(constant(1.0), constant(0.0))) == 0
    assert float(loss.discriminator(constant(2.0), constant(-1.0))) == 2
    fake = torch.tensor([-1.0, 1.0, 3.0, 0.0], requires_grad=True)
    loss.generator(judgements(fake)).backward()
    torch.testing.assert_close(fake.grad, 2 * (fake.detach() - 1) / 4)


@pytest.mark.parametrize("loss", [HingeLoss(), LeastSquaresLoss()])
def test_every_discriminator_counts_alike(loss: HingeLoss | LeastSquaresLoss) -> None:
    """However many places it looks at: judging one of two differently costs half of judging both so."""
    right, wrong = torch.full((1, 1, 100), 1.0), torch.full((1, 1, 3), -1.0)
    both = float(loss.generator(judgements(wrong, wrong)))
    assert float(loss.generator(judgements(right, wrong))) == pytest.approx(both / 2)


def test_features_that_match_cost_nothing() -> None:
    features = [torch.randn(2, 3, 7), torch.randn(2, 5)]
    same = [Judgement(torch.zeros(1), features)]
    assert float(FeatureMatchingLoss()(same, same)) == 0


def test_relative_feature_matching_of_a_gain() -> None:
    """|g - 1| whatever the features and their scale; without `relative` the scale stays, |g - 1| mean |D|."""
    real = [Judgement(torch.zeros(1), [torch.randn(2, 3, 7), 1000 * torch.randn(2, 5), 1e-3 * torch.randn(4)])]
    fake = [Judgement(torch.zeros(1), [1.5 * feature for feature in real[0].features])]
    assert float(FeatureMatchingLoss()(fake, real)) == pytest.approx(0.5, rel=1e-5)
    expected = 0.5 * torch.stack([feature.abs().mean() for feature in real[0].features]).mean()
    torch.testing.assert_close(FeatureMatchingLoss(relative=False)(fake, real), expected)


def test_feature_matching_survives_dead_features() -> None:
    """A layer that is zero for the reference has no scale of its own; the loss stays finite."""
    fake = torch.ones(3, requires_grad=True)
    loss = FeatureMatchingLoss()([Judgement(torch.zeros(1), [fake])], [Judgement(torch.zeros(1), [torch.zeros(3)])])
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(fake.grad).all()


@pytest.mark.parametrize("relative", [True, False])
def test_no_gradient_through_the_real_branch(relative: bool) -> None:
    """The slope along a discriminator's weight is that of the fake features alone; the real wav gets none."""
    weight = torch.tensor(2.0, requires_grad=True)
    wav, other = torch.tensor([1.0, 3.0], requires_grad=True), torch.tensor([2.0, 6.0], requires_grad=True)
    real, fake = ([Judgement(torch.zeros(1), [weight * x])] for x in (wav, other))
    FeatureMatchingLoss(relative)(fake, real).backward()
    assert wav.grad is None
    scale = float(2 * wav.detach().abs().mean()) if relative else 1.0
    torch.testing.assert_close(other.grad, torch.tensor([2.0, 2.0]) / 2 / scale)
    torch.testing.assert_close(weight.grad, other.detach().mean() / scale)
