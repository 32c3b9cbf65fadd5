"""Estimators through which the task teaches vectors, and noise for rounding: their equations, in double precision.

G is the gradient at the output, d = (q - z) / |q - z|.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kvant.protocols import GradientEstimator
from kvant.quantizers.gradients import DiVeQ, Synchronized, UniformNoise, noise_substitution

any_seed = given(seed=st.integers(0, 2**31 - 1))
unhurried = settings(deadline=None, derandomize=True, max_examples=30)


def draw(seed: int, *shape: int) -> tuple[Tensor, Tensor, Tensor]:
    """Latents, quantized and G."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(*shape, generator=generator, dtype=torch.float64) for _ in range(3))


def taken(gradient: GradientEstimator, z: Tensor, q: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Value, dL/dz and dL/dq."""
    z, q = z.clone().requires_grad_(), q.clone().requires_grad_()
    torch.manual_seed(0)
    value = gradient(z, q)
    return value.detach(), *torch.autograd.grad(value, (z, q), upstream)


def inner(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1, keepdim=True)


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


@unhurried
@any_seed
def test_noise_is_substituted_at_the_same_distance(seed: int) -> None:
    """|y - z| = |q - z|; with v the direction of the noise, dz = G - <G, v> d and dq = <G, v> d."""
    z, q, upstream = draw(seed, 7, 5)
    value, of_z, of_q = taken(noise_substitution, z, q, upstream)
    torch.testing.assert_close((value - z).norm(dim=-1), (q - z).norm(dim=-1))
    v, d = unit(value - z), unit(q - z)
    torch.testing.assert_close(of_z, upstream - inner(upstream, v) * d)
    torch.testing.assert_close(of_q, inner(upstream, v) * d)


def test_substituted_noise_has_no_preferred_direction() -> None:
    """On the sphere E v = 0 and E v v^T = I / D."""
    z, q, _ = draw(0, 40_000, 3)
    v = unit(noise_substitution(z, q) - z)
    assert v.mean(0).abs().max() < 5 * (1 / 3 / 40_000) ** 0.5
    torch.testing.assert_close(v.T @ v / 40_000, torch.eye(3, dtype=torch.float64) / 3, rtol=0, atol=0.01)


@unhurried
@any_seed
def test_diveq_without_noise_divides_the_gradient_between_encoder_and_vector(seed: int) -> None:
    """y = q, dq = <G, d> d, dz = G - dq: the encoder's part has no component along d, and nothing is lost."""
    z, q, upstream = draw(seed, 7, 5)
    value, of_z, of_q = taken(DiVeQ(sigma=0), z, q, upstream)
    d = unit(q - z)
    torch.testing.assert_close(value, q)
    torch.testing.assert_close(of_q, inner(upstream, d) * d)
    torch.testing.assert_close(of_z + of_q, upstream)
    torch.testing.assert_close(inner(of_z, d), torch.zeros(7, 1, dtype=torch.float64), rtol=0, atol=1e-12)


def test_a_vector_learns_the_sum_over_the_latents_that_chose_it() -> None:
    """dE_k = sum over k's latents of <G, d> d for DiVeQ, and of nu G for the synchronized update."""
    z, _, upstream = draw(0, 60, 5)
    vectors = draw(1, 4, 5)[0].requires_grad_()
    codes = torch.cdist(z, vectors.detach()).argmin(-1)
    d = unit(vectors.detach()[codes] - z)
    assert len(codes.unique()) == 4
    for gradient, part in ((DiVeQ(sigma=0), inner(upstream, d) * d), (Synchronized(nu=0.3), 0.3 * upstream)):
        (slope,) = torch.autograd.grad(gradient(z, vectors[codes]), vectors, upstream)
        torch.testing.assert_close(slope, torch.zeros_like(slope).index_add_(0, codes, part))


@pytest.mark.parametrize("sigma", [1e-1, 1e-2, 1e-3])
def test_diveq_noise_sets_the_value_sigma_root_d_beside_the_vector(sigma: float) -> None:
    """|y - q|^2 is sigma^2 (D - 1) on average, while sigma is small beside |q - z|; |y - z| = |q - z| always."""
    z, _, _ = draw(0, 20_000, 9)
    q = z + 10 * unit(draw(1, 20_000, 9)[0])
    torch.manual_seed(0)
    value = DiVeQ(sigma)(z, q)
    torch.testing.assert_close((value - z).norm(dim=-1), (q - z).norm(dim=-1))
    assert float((value - q).square().sum(-1).mean()) == pytest.approx(8 * sigma**2, rel=0.03)


@unhurried
@any_seed
def test_synchronized_copies_to_the_encoder_and_a_share_to_the_vector(seed: int) -> None:
    z, q, upstream = draw(seed, 7, 5)
    value, of_z, of_q = taken(Synchronized(nu=0.2), z, q, upstream)
    torch.testing.assert_close(value, q)
    assert torch.equal(of_z, upstream)
    torch.testing.assert_close(of_q, 0.2 * upstream)


@pytest.mark.parametrize("step", [0.5, 2.0])
def test_uniform_noise_has_the_variance_of_fine_rounding(step: float) -> None:
    """step^2 / 12, which is also the error of rounding latents much wider than the step; mean 0, within step / 2."""
    latents = 20 * step * torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rounded = (latents / step).round() * step
    torch.manual_seed(0)
    for error in (UniformNoise(step)(latents, rounded) - latents, rounded - latents):
        assert float(error.var()) == pytest.approx(step**2 / 12, rel=0.01)
        assert abs(float(error.mean())) < 5 * step * (1 / 12 / 200_000) ** 0.5
        assert error.abs().max() <= step / 2


def test_uniform_noise_comes_with_its_probability_and_rounds_otherwise() -> None:
    latents, _, upstream = draw(0, 20_000, 3)
    latents.requires_grad_()
    torch.manual_seed(0)
    value = UniformNoise(1.0, probability=0.3)(latents, latents.round())
    rounded = (value - latents.round()).abs() < 1e-12
    assert torch.equal(rounded.all(-1), rounded.any(-1)), "a latent is noisy or rounded as a whole"
    assert float(rounded.all(-1).double().mean()) == pytest.approx(0.7, abs=0.015)
    assert torch.equal(torch.autograd.grad(value, latents, upstream)[0], upstream)
