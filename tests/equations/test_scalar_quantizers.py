"""Scalar, lookup-free and spherical quantizers against what their papers prove or imply."""

from itertools import product
from math import prod

import pytest
import torch
from torch import Tensor

from kvant.quantizers import (
    BinarySphericalQuantizer,
    FiniteScalarQuantizer,
    LookupFreeQuantizer,
    UniformScalarQuantizer,
    residual_scalar,
)
from kvant.quantizers.gradients import UniformNoise, straight_through
from kvant.quantizers.lookup_free import bit_entropy

SCALAR = (FiniteScalarQuantizer, UniformScalarQuantizer)
every_scalar = pytest.mark.parametrize("kind", SCALAR)
every_levels = pytest.mark.parametrize("levels", [[8, 5, 5, 5], [7, 6, 6], [3, 2, 4], [2], [9]], ids=str)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@every_scalar
@every_levels
class TestCodes:
    def test_codes_and_values_are_one_to_one(self, kind: type, levels: list[int]) -> None:
        """All of them: 8 * 5 * 5 * 5 = 1000 in the first case."""
        quantizer = kind(levels)
        assert quantizer.codebook_sizes == (prod(levels),)
        codes = torch.arange(prod(levels))[None, None]
        values = quantizer.decode(codes)[0].T
        assert len(values.unique(dim=0)) == prod(levels)
        assert values.abs().max() <= 1

    def test_every_code_is_reached_and_no_other(self, kind: type, levels: list[int]) -> None:
        """One latent for every combination of digits, from where each channel alone gives them."""
        axis = torch.linspace(-6, 6, 4001)
        inside = []
        for level in levels:
            digits = kind([level]).encode(axis[None, None]).flatten()
            assert digits.tolist() == sorted(digits.tolist())
            assert digits.unique().tolist() == list(range(level))
            inside.append(torch.stack([axis[digits == digit].median() for digit in range(level)]))
        latents = torch.cartesian_prod(*inside).reshape(-1, len(levels))
        assert kind(levels).encode(latents.T[None]).flatten().sort().values.tolist() == list(range(prod(levels)))

    def test_channels_are_digits_of_the_code(self, kind: type, levels: list[int]) -> None:
        """The first channel counts one, the next as many as the first has levels, and so on."""
        latents = noise(2, len(levels), 50) * 2
        together = kind(levels).encode(latents)
        places = torch.tensor([prod(levels[:channel]) for channel in range(len(levels))])
        alone = [kind([each]).encode(latents[:, [channel]]) for channel, each in enumerate(levels)]
        assert torch.equal(together, sum(place * digits for place, digits in zip(places, alone)))


class TestFSQ:
    def test_all_thousand_codes_are_reached(self) -> None:
        """8 * 5 * 5 * 5, from latents that the bound makes uniform."""
        quantizer = FiniteScalarQuantizer([8, 5, 5, 5])
        spread = torch.atanh(2 * torch.rand(1, 4, 40_000, generator=torch.Generator().manual_seed(0)) - 1)
        counts = torch.bincount(quantizer.encode(spread).flatten(), minlength=1000)
        assert (counts > 0).all()
        assert len(counts) == 1000

    @pytest.mark.parametrize(("level", "least", "most"), [(5, -1, 1), (8, -1, 0.75), (4, -1, 0.5), (3, -1, 1)])
    def test_values_are_integers_around_zero(self, level: int, least: float, most: float) -> None:
        """Odd levels are symmetric, even ones lack the last: without the half shift they would have L + 1 values."""
        values = FiniteScalarQuantizer([level]).decode(torch.arange(level)[None, None]).flatten()
        torch.testing.assert_close(values, torch.linspace(least, most, level))

    @pytest.mark.parametrize("level", range(2, 12))
    def test_zero_is_zero(self, level: int) -> None:
        quantizer = FiniteScalarQuantizer([level]).eval()
        assert quantizer(torch.zeros(1, 1, 1)).latents.item() == 0
        torch.testing.assert_close(quantizer.bounded(torch.zeros(1)), torch.tensor([float(level // 2)]))

    def test_gradient_is_the_slope_of_the_bound(self) -> None:
        """With s the shift: (L - 1) / 2 (1 - tanh^2(z + s)) / floor(L / 2), a thousandth wider."""
        latents = (noise(1, 2, 30)).requires_grad_()
        FiniteScalarQuantizer([5, 8])(latents).latents.sum().backward()
        half = torch.tensor([2.0, 3.5])[:, None] * 1.001
        shift = torch.atanh(torch.tensor([0.0, 0.5])[:, None] / half)
        slope = half * (1 - torch.tanh(latents.detach() + shift).square()) / torch.tensor([2.0, 4.0])[:, None]
        torch.testing.assert_close(latents.grad, slope)

    def test_dither_has_the_variance_of_fine_rounding(self) -> None:
        """Step^2 / 12 in every channel, whatever its levels: steps are 1 / floor(L / 2) in value."""
        quantizer = FiniteScalarQuantizer([5, 8, 3], UniformNoise(step=1.0)).train()
        torch.manual_seed(0)
        latents = noise(1, 3, 1).expand(1, 3, 60_000)
        values = quantizer(latents).latents[0]
        bounded = quantizer.values(quantizer.bounded(latents.transpose(1, 2)))[0].T
        steps = 1 / torch.tensor([2.0, 4.0, 1.0])
        torch.testing.assert_close((values - bounded).var(dim=1), steps.square() / 12, rtol=0.02, atol=0)
        torch.testing.assert_close((values - bounded).mean(dim=1), torch.zeros(3), rtol=0, atol=0.005)
        assert ((values - bounded).abs() <= steps[:, None] / 2 + 1e-6).all()

    def test_half_of_the_dither_is_rounding(self) -> None:
        quantizer = FiniteScalarQuantizer([5, 8], UniformNoise(step=1.0, probability=0.5)).train()
        torch.manual_seed(0)
        latents = noise(1, 2, 1).expand(1, 2, 20_000)
        plain = quantizer.decode(quantizer.encode(latents))
        rounded = torch.isclose(quantizer(latents).latents, plain, atol=1e-6).all(dim=1)
        assert abs(rounded.float().mean().item() - 0.5) < 0.02


class TestUniform:
    @pytest.mark.parametrize("level", range(2, 9))
    def test_cells_tile_the_interval(self, level: int) -> None:
        latents = torch.linspace(-1, 1, 2001)[None, None]
        quantizer = UniformScalarQuantizer([level]).eval()
        assert (quantizer(latents).latents - latents).abs().max() <= 1 / level + 1e-6
        counts = torch.bincount(quantizer.encode(latents).flatten())
        assert counts.max() - counts.min() <= 2

    @pytest.mark.parametrize("levels", [[2, 3], [5, 4], [8]], ids=str)
    def test_stages_are_the_digits_of_one_fine_quantizer(self, levels: list[int]) -> None:
        """K codes of L cells are one code of L^K: the same cells, and the first is the most significant digit."""
        stages = 3
        quantizer = residual_scalar(levels, stages).eval()
        fine = UniformScalarQuantizer([level**stages for level in levels]).eval()
        latents = noise(1, len(levels), 400)
        codes, bounded = quantizer.encode(latents), torch.tanh(latents)
        torch.testing.assert_close(quantizer.decode(codes), fine(bounded).latents, rtol=0, atol=1e-5)
        for k in range(1, stages + 1):
            error = (quantizer.decode(codes[:, :k]) - bounded).abs().amax(dim=(0, 2))
            assert (error <= torch.tensor([float(level) ** -k for level in levels]) + 1e-5).all()

    def test_gradient_of_all_stages_is_that_of_the_bound(self) -> None:
        """Stage 1 answers for all of it: I - (I - I)^K."""
        latents = noise(1, 2, 50).requires_grad_()
        residual_scalar([3, 4], 3)(latents).latents.sum().backward()
        torch.testing.assert_close(latents.grad, 1 - torch.tanh(latents.detach()).square())


def entropies_over_all_codes(latents: Tensor, magnitude: float, temperature: float) -> tuple[Tensor, Tensor]:
    """(mean entropy of p(c|z), entropy of the mean p(c|z)) for latents [n, d], by the table of 2^d codes."""
    corners = magnitude * torch.tensor(list(product((-1.0, 1.0), repeat=latents.shape[1])), dtype=latents.dtype)
    chances = torch.softmax(-(latents[:, None] - corners).square().sum(-1) / temperature, dim=1)
    mean = chances.mean(0)
    return -torch.xlogy(chances, chances).sum(1).mean(), -torch.xlogy(mean, mean).sum()


@pytest.mark.parametrize("kind", [LookupFreeQuantizer, BinarySphericalQuantizer])
class TestSigns:
    def test_codes_are_the_signs(self, kind: type) -> None:
        quantizer, latents = kind(6).eval(), noise(3, 6, 40)
        values = quantizer(latents).latents
        assert torch.equal(values > 0, latents > 0)
        bits = (latents > 0).transpose(1, 2).long()
        assert torch.equal(quantizer.encode(latents)[:, 0], (bits * 2 ** torch.arange(6)).sum(-1))
        everything = torch.arange(64)[None, None]
        assert torch.equal(quantizer.encode(quantizer.decode(everything)), everything)

    def test_entropy_of_a_code_is_the_sum_over_its_bits(self, kind: type) -> None:
        """Against the softmax over all 2^d codes, to 2e-12 in double precision."""
        quantizer = kind(8, temperature=1.5)
        latents = quantizer.placed(noise(50, 8).double())
        factorised = bit_entropy(4 * quantizer.magnitude / 1.5 * latents).sum(1).mean()
        exact, _ = entropies_over_all_codes(latents, quantizer.magnitude, 1.5)
        torch.testing.assert_close(factorised, exact, rtol=0, atol=2e-12)

    @pytest.mark.parametrize("diversity", [0.0, 1.0])
    def test_entropy_loss(self, kind: type, diversity: float) -> None:
        """Of the codes' own entropy if bits are independent over the batch, as on a grid of all signs."""
        quantizer = kind(4, temperature=1.5, diversity=diversity).train()
        grid = torch.tensor(list(product((-0.7, 1.1), (0.2, 0.4), (-0.3, 0.3), (-1.0, -0.1))))
        latents = grid if kind is LookupFreeQuantizer else torch.tensor(list(product((-0.5, 0.5), repeat=4)))
        certain, used = entropies_over_all_codes(latents.double(), quantizer.magnitude, 1.5)
        loss = quantizer(latents.T[None]).losses["entropy"]
        torch.testing.assert_close(loss.double(), certain - diversity * used, rtol=1e-5, atol=1e-6)

    def test_diversity_counts_no_less_than_the_codes_are_worth(self, kind: type) -> None:
        """The sum of entropies of bits bounds the entropy of codes from above."""
        quantizer = kind(6, temperature=0.5).train()
        latents = noise(1, 6, 30) * torch.tensor([1.0, 1, 1, -1, 1, 1])[:, None] + noise(1, 1, 30, seed=2)
        certain, used = entropies_over_all_codes(
            quantizer.placed(latents.transpose(1, 2))[0].double(), quantizer.magnitude, 0.5
        )
        assert quantizer(latents).losses["entropy"] <= certain - used + 1e-5

    def test_far_latents_have_finite_losses_and_gradients(self, kind: type) -> None:
        latents = (noise(1, 5, 20) * 1e4).requires_grad_()
        result = kind(5).train()(latents)
        sum([result.latents.sum(), *result.losses.values()]).backward()
        assert latents.grad.isfinite().all()


class TestLFQ:
    def test_commitment_is_the_distance_to_the_signs(self) -> None:
        latents = noise(2, 6, 10).requires_grad_()
        loss = LookupFreeQuantizer(6).losses(latents, latents.detach().sign(), torch.ones(2, dtype=torch.bool))
        loss["commitment"].backward()
        error = (latents - latents.sign()).detach()
        torch.testing.assert_close(loss["commitment"].detach(), error.square().mean())
        torch.testing.assert_close(latents.grad, 2 * error / error.numel())


class TestBSQ:
    @pytest.mark.parametrize("dim", [2, 5, 18])
    def test_values_are_on_the_sphere_and_near(self, dim: int) -> None:
        """|y| = 1 and |u - y| <= sqrt(2 - 2 / sqrt(d)), met on the axes."""
        latents = torch.cat([noise(1, dim, 2000), torch.eye(dim)[None]], dim=2)
        values = BinarySphericalQuantizer(dim).eval()(latents).latents
        torch.testing.assert_close(values.norm(dim=1), torch.ones(1, 2000 + dim))
        distances = (torch.nn.functional.normalize(latents, dim=1) - values).norm(dim=1)
        bound = (2 - 2 / dim**0.5) ** 0.5
        assert distances.max() <= bound + 1e-5
        torch.testing.assert_close(distances[0, 2000:], torch.full((dim,), bound))

    def test_gradient_is_that_of_the_normalisation(self) -> None:
        """Straight-through, J = (I - u u^T) / |z|: nothing pulls along z."""
        latents, slope = noise(1, 4, 1).requires_grad_(), noise(1, 4, 1, seed=1)
        (BinarySphericalQuantizer(4, straight_through)(latents).latents * slope).sum().backward()
        z = latents.detach()[0, :, 0]
        u = z / z.norm()
        expected = (torch.eye(4) - torch.outer(u, u)) / z.norm() @ slope[0, :, 0]
        torch.testing.assert_close(latents.grad[0, :, 0], expected)
