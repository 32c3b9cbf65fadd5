"""Relaxations by their papers' equations, in double precision. p = softmax(logits), J(p) = diag(p) - p p^T."""

import pytest
import torch
from torch import Tensor

from kvant.errors import UsageError
from kvant.protocols import Relaxation
from kvant.quantizers.gradients import (
    RELAXATIONS,
    CategoricalStraightThrough,
    DecoupledStraightThrough,
    GumbelSoftmax,
    ReinMax,
    SoftToHard,
    StraightThroughGumbel,
    categorical_straight_through,
    reinmax,
)

SIZE, DIM = 6, 4
SAMPLERS = [GumbelSoftmax(0.7), StraightThroughGumbel(0.7), CategoricalStraightThrough(), ReinMax()]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def jacobian(p: Tensor) -> Tensor:
    return torch.diag(p) - torch.outer(p, p)


@pytest.mark.parametrize("relaxation", SAMPLERS, ids=lambda r: type(r).__name__)
def test_codes_are_as_frequent_as_softmax_says(relaxation: Relaxation) -> None:
    """Gumbel-max and the running sum, each within five standard errors."""
    logits, count = drawn(SIZE), 100_000
    p = logits.softmax(-1)
    torch.manual_seed(0)
    _, codes = relaxation(logits.expand(count, SIZE), torch.eye(SIZE, dtype=torch.float64))
    share = torch.bincount(codes, minlength=SIZE) / count
    assert ((share - p).abs() <= 5 * (p * (1 - p) / count).sqrt()).all()


def test_a_temperature_of_zero_is_one_hot_and_one_without_bound_is_uniform() -> None:
    logits, eye = drawn(50, SIZE), torch.eye(SIZE, dtype=torch.float64)
    torch.manual_seed(0)
    cold, codes = GumbelSoftmax(1e-6)(logits, eye)
    torch.testing.assert_close(cold, eye[codes])
    hot, _ = GumbelSoftmax(1e9)(logits, eye)
    torch.testing.assert_close(hot, torch.full_like(hot, 1 / SIZE))


def test_straight_through_gumbel_has_the_value_of_its_code_and_the_gradient_of_the_mixture() -> None:
    logits, vectors, upstream = drawn(50, SIZE).requires_grad_(), drawn(SIZE, DIM, seed=1), drawn(50, DIM, seed=2)
    results = []
    for relaxation in (StraightThroughGumbel(0.5), GumbelSoftmax(0.5)):
        torch.manual_seed(0)
        value, codes = relaxation(logits, vectors)
        results.append((value, codes, torch.autograd.grad(value, logits, upstream)[0]))
    (hard, codes, slope), (soft, same, soft_slope) = results
    assert torch.equal(codes, same)
    assert torch.equal(hard, vectors[codes])
    assert (soft - hard).norm(dim=-1).max() > 0.1
    torch.testing.assert_close(slope, soft_slope)


def test_decoupled_with_one_temperature_is_straight_through_gumbel() -> None:
    logits, vectors, upstream = drawn(50, SIZE).requires_grad_(), drawn(SIZE, DIM, seed=1), drawn(50, DIM, seed=2)
    results = []
    for relaxation, scale in ((DecoupledStraightThrough(0.4, 0.4), 1.0), (StraightThroughGumbel(1.0), 0.4)):
        torch.manual_seed(0)
        value, codes = relaxation(logits / scale, vectors)
        results.append((value, codes, torch.autograd.grad(value, logits, upstream)[0]))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_decoupled_forward_temperature_moves_the_codes_alone_and_backward_the_gradient_alone() -> None:
    logits, vectors = drawn(4000, SIZE).requires_grad_(), drawn(SIZE, DIM, seed=1)

    def run(forward: float, backward: float) -> tuple[Tensor, Tensor]:
        torch.manual_seed(0)
        value, codes = DecoupledStraightThrough(forward, backward)(logits, vectors)
        return codes, torch.autograd.grad(value.sum(), logits)[0]

    codes, slope = run(0.2, 1.0)
    bolder, same_slope = run(5.0, 1.0)
    same_codes, wider = run(0.2, 5.0)
    assert torch.equal(slope, same_slope)
    assert torch.equal(codes, same_codes)
    assert not torch.allclose(slope, wider)
    best = logits.argmax(-1)
    assert (codes == best).double().mean() > 0.85 > 0.4 > (bolder == best).double().mean()


@pytest.fixture
def mean_slopes(monkeypatch: pytest.MonkeyPatch) -> object:
    """Of a relaxation that draws: the mean over draws of dL/d logits, every category enumerated, L a function of y."""

    def mean(relaxation: Relaxation, logits: Tensor, vectors: Tensor, loss: object) -> Tensor:
        for module in (reinmax, categorical_straight_through):
            monkeypatch.setattr(module, "draw", lambda p: torch.arange(SIZE))
        rows = logits.expand(SIZE, SIZE).clone().requires_grad_()
        value, codes = relaxation(rows, vectors)
        assert torch.equal(codes, torch.arange(SIZE))
        (slopes,) = torch.autograd.grad(loss(value).sum(), rows)
        return logits.softmax(-1) @ slopes

    return mean


def exact(logits: Tensor, vectors: Tensor, loss: object) -> Tensor:
    """d/d logits of sum_k p_k L(e_k)."""
    return jacobian(logits.softmax(-1)) @ loss(vectors)


def quadratic(y: Tensor) -> Tensor:
    matrix, slope = drawn(DIM, DIM, seed=5), drawn(DIM, seed=6)
    return torch.einsum("nd,de,ne->n", y, matrix @ matrix.T, y) + y @ slope


def quartic(y: Tensor) -> Tensor:
    return quadratic(y).square()


@pytest.mark.parametrize("seed", range(5))
def test_reinmax_is_exact_for_a_quadratic_loss_where_straight_through_is_not(mean_slopes: object, seed: int) -> None:
    logits, vectors = drawn(SIZE, seed=seed), drawn(SIZE, DIM, seed=seed + 10)
    truth = exact(logits, vectors, quadratic)
    torch.testing.assert_close(mean_slopes(ReinMax(), logits, vectors, quadratic), truth, rtol=1e-12, atol=1e-12)
    first_order = mean_slopes(CategoricalStraightThrough(), logits, vectors, quadratic)
    assert (first_order - truth).norm() > 0.05 * truth.norm()


def test_straight_through_is_exact_for_a_linear_loss_and_reinmax_not_beyond_the_second_order(
    mean_slopes: object,
) -> None:
    """So neither test above would pass for any gradient whatever."""
    logits, vectors = drawn(SIZE), drawn(SIZE, DIM, seed=1)

    def linear(y: Tensor) -> Tensor:
        return y @ drawn(DIM, seed=6)

    for relaxation in (CategoricalStraightThrough(), ReinMax()):
        torch.testing.assert_close(mean_slopes(relaxation, logits, vectors, linear), exact(logits, vectors, linear))
    truth = exact(logits, vectors, quartic)
    assert (mean_slopes(ReinMax(), logits, vectors, quartic) - truth).norm() > 0.01 * truth.norm()


@pytest.mark.parametrize("temperature", [1.0, 1.7])
def test_reinmax_gradient_is_twice_the_jacobian_midway_less_half_of_the_start(temperature: float) -> None:
    logits, vectors, upstream = drawn(1, SIZE).requires_grad_(), drawn(SIZE, DIM, seed=1), drawn(1, DIM, seed=2)
    value, codes = ReinMax(temperature)(logits, vectors)
    (slope,) = torch.autograd.grad(value, logits, upstream)
    p, heated = logits[0].softmax(-1), (logits[0] / temperature).softmax(-1)
    midway = (heated + torch.eye(SIZE, dtype=torch.float64)[codes[0]]) / 2
    torch.testing.assert_close(slope[0], (2 * jacobian(midway) - jacobian(p) / 2) @ vectors @ upstream[0])


def test_soft_to_hard_ends_in_vector_quantization() -> None:
    """With logits -|z - e|^2 the distance to the nearest vector falls with sigma, to nothing."""
    latents, vectors = drawn(200, DIM), drawn(SIZE, DIM, seed=1)
    logits = -torch.cdist(latents, vectors).square()
    nearest = vectors[logits.argmax(-1)]
    gaps = [float((SoftToHard(sigma)(logits, vectors)[0] - nearest).norm()) for sigma in (0.1, 1.0, 10.0, 100.0)]
    assert gaps == sorted(gaps, reverse=True)
    torch.testing.assert_close(SoftToHard(1e7)(logits, vectors)[0], nearest)
    torch.testing.assert_close(SoftToHard(1e-12)(logits, vectors)[0], vectors.mean(0).expand(200, DIM))


@pytest.mark.parametrize("kind", RELAXATIONS)
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_temperatures_that_are_none_are_refused(kind: type, value: float) -> None:
    with pytest.raises(UsageError, match="must be above 0"):
        kind(value)
