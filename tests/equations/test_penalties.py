"""Penalties: entropies that are known, and the distance of Gaussians."""

from math import log

import pytest
import torch
from torch import Tensor

from kvant.quantizers import EMACodebook, LearnedCodebook, ResidualQuantizer, VectorQuantizer
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.penalties import EntropyPenalty, WassersteinPenalty
from kvant.quantizers.penalties.wasserstein import moments, power, squared_wasserstein

DIM = 5


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def book_of(vectors: Tensor, kind: type = LearnedCodebook) -> LearnedCodebook:
    book = kind(*vectors.shape).to(vectors.dtype)
    book.replace(torch.ones(len(vectors), dtype=torch.bool), vectors)
    return book


def covariance(seed: int) -> Tensor:
    root = noise(DIM, DIM, seed=seed)
    return root @ root.T + 0.1 * torch.eye(DIM, dtype=torch.float64)


class TestEntropy:
    def test_sure_latents_spread_over_all_codes_cost_minus_log_v(self) -> None:
        vectors = 10 * torch.eye(8, dtype=torch.float64)
        penalty = EntropyPenalty()(book_of(vectors), vectors.repeat(3, 1))["entropy"]
        assert penalty.item() == pytest.approx(-log(8), abs=1e-9)

    @pytest.mark.parametrize("place", ["on one code", "between all"])
    def test_latents_that_are_all_alike_cost_nothing(self, place: str) -> None:
        vectors = 10 * torch.eye(8, dtype=torch.float64)
        latents = (vectors[:1] if place == "on one code" else torch.zeros(1, 8, dtype=torch.float64)).repeat(6, 1)
        assert EntropyPenalty()(book_of(vectors), latents)["entropy"].item() == pytest.approx(0, abs=1e-9)

    def test_it_is_minus_the_information_between_latent_and_code(self) -> None:
        """sum over n and k of p(k|n)/N log(p(k|n) / p(k)), from the definition."""
        vectors, latents = noise(6, 3), noise(40, 3, seed=1)
        p = torch.softmax(-torch.cdist(latents, vectors).square() / 0.7, dim=-1)
        information = (p / 40 * (p / p.mean(0)).log()).sum()
        penalty = EntropyPenalty(temperature=0.7)(book_of(vectors), latents)["entropy"]
        torch.testing.assert_close(penalty, -information)

    def test_both_sides_learn_and_certain_choices_do_no_harm(self) -> None:
        book = book_of(noise(6, 3).float())
        for scale in (1.0, 1e3):
            latents = (scale * noise(40, 3, seed=1).float()).requires_grad_()
            book.zero_grad()
            EntropyPenalty()(book, latents)["entropy"].backward()
            assert latents.grad.isfinite().all()
            assert book.weight.grad.isfinite().all()
            assert scale > 1 or (latents.grad.abs().sum() > 0.01 and book.weight.grad.abs().sum() > 0.01)

    def test_few_latents_underestimate_the_spread(self) -> None:
        """H(E[p]) of n sure latents is low by (V - 1) / 2n nats, on average over batches."""
        size, count = 32, 256
        book = book_of(100 * torch.eye(size, dtype=torch.float64))
        generator = torch.Generator().manual_seed(0)
        drawn = [book.weight.detach()[torch.randint(size, (count,), generator=generator)] for _ in range(100)]
        bias = torch.stack([EntropyPenalty()(book, rows)["entropy"].detach() for rows in drawn]).mean() + log(size)
        assert bias.item() == pytest.approx((size - 1) / (2 * count), rel=0.1)


class TestWasserstein:
    def test_diagonal_gaussians_have_a_closed_form(self) -> None:
        """sum (m - m')^2 + (s - s')^2, over four decades of variance."""
        scales, others = 10 ** noise(DIM), 10 ** noise(DIM, seed=1)
        means = noise(2, DIM, seed=2)
        distance = squared_wasserstein(means[0], scales.square().diag(), means[1], others.square().diag())
        torch.testing.assert_close(distance, (means[0] - means[1]).square().sum() + (scales - others).square().sum())

    def test_it_is_zero_for_equal_moments_and_only_for_them(self) -> None:
        mean, spread = noise(DIM), covariance(1)
        assert squared_wasserstein(mean, spread, mean, spread).abs() < 1e-10
        turned, _ = torch.linalg.qr(noise(DIM, DIM, seed=3))
        assert squared_wasserstein(mean, spread, mean + 0.1, spread).item() == pytest.approx(DIM * 0.01)
        assert squared_wasserstein(mean, turned @ spread @ turned.T, mean, spread) > 0.01

    def test_it_is_symmetric_and_as_far_as_a_linear_map_carries(self) -> None:
        """For S' = T S T with T symmetric and positive, T is the optimal map: W^2 = tr((T - 1) S (T - 1))."""
        spread, carry = covariance(1), covariance(2)
        other, zero = carry @ spread @ carry, torch.zeros(DIM, dtype=torch.float64)
        distance = squared_wasserstein(zero, spread, zero, other)
        torch.testing.assert_close(distance, squared_wasserstein(zero, other, zero, spread))
        away = carry - torch.eye(DIM, dtype=torch.float64)
        torch.testing.assert_close(distance, (away @ spread @ away).trace())

    def test_its_slope_is_that_of_its_value(self) -> None:
        mean, other = noise(2, DIM, seed=4)
        target = covariance(2)

        def distance(vectors: Tensor) -> Tensor:
            return squared_wasserstein(*moments(vectors), other, target)

        vectors = noise(12, DIM, seed=5).requires_grad_()
        (slope,) = torch.autograd.grad(distance(vectors + mean), vectors)
        way = noise(12, DIM, seed=6)
        ahead, behind = (distance(vectors + mean + sign * 1e-5 * way).detach() for sign in (1, -1))
        torch.testing.assert_close((slope * way).sum(), (ahead - behind) / 2e-5, rtol=1e-6, atol=1e-6)

    def test_roots_stay_in_their_support(self) -> None:
        axis = noise(DIM, 1)
        matrix = axis @ axis.T
        torch.testing.assert_close(power(matrix, 0.5) @ power(matrix, 0.5), matrix)
        torch.testing.assert_close(power(matrix, -0.5) @ matrix @ power(matrix, -0.5), matrix / axis.square().sum())

    def test_descent_gives_all_vectors_the_moments_of_the_latents_used_or_not(self) -> None:
        """Vectors far away win nothing, and come all the same; latents are not asked."""
        latents = (noise(400, DIM) @ covariance(1) * 0.3).requires_grad_()
        book = book_of(noise(50, DIM, seed=1) + 20)
        optimizer = torch.optim.Adam(book.parameters(), lr=0.3)
        for _ in range(300):
            optimizer.zero_grad()
            WassersteinPenalty()(book, latents)["wasserstein"].backward()
            optimizer.step()
        for ours, theirs in zip(moments(book.weight.detach()), moments(latents.detach())):
            torch.testing.assert_close(ours, theirs, rtol=0.02, atol=0.02)
        assert latents.grad is None

    def test_it_is_per_dimension_and_says_nothing_to_running_means(self) -> None:
        latents = noise(300, DIM).float()
        book = book_of(noise(40, DIM, seed=1).float() + 1, EMACodebook)
        penalty = WassersteinPenalty()(book, latents)["wasserstein"]
        assert not penalty.requires_grad
        exact = squared_wasserstein(*moments(book.weight.double()), *moments(latents.double()))
        torch.testing.assert_close(penalty.double(), exact / DIM)


@pytest.mark.parametrize("penalty", [EntropyPenalty(), WassersteinPenalty()], ids=lambda p: type(p).__name__)
def test_quantizers_report_them_by_name(penalty: EntropyPenalty | WassersteinPenalty) -> None:
    """Of a residual quantizer, the mean over levels."""
    torch.manual_seed(0)
    books = [LearnedCodebook(8, DIM) for _ in range(2)]
    quantizer = ResidualQuantizer(books, straight_through, (), (penalty,)).train()
    latents = noise(1, DIM, 50).float()
    result = quantizer(latents)
    rows = latents[0].T
    residual = rows - books[0].vectors[result.codes[0, 0]].detach()
    expected = [penalty(book, left) for book, left in zip(books, (rows, residual))]
    for name in expected[0]:
        torch.testing.assert_close(result.losses[name], (expected[0][name] + expected[1][name]) / 2)
    alone = VectorQuantizer(books[0], straight_through, (), (penalty,)).eval()
    assert set(alone(latents).losses) == {"codebook", "commitment"}
