"""Laws of gradient estimators: their value, whom the task teaches, finite gradients wherever latents may fall."""

import pytest
import torch
from torch import Tensor

from kvant.protocols import GradientEstimator
from tests.laws.estimators import ESTIMATORS, NOISE, TEACHERS

every_gradient = pytest.mark.parametrize("gradient", ESTIMATORS.values(), ids=ESTIMATORS)


def pair(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(*shape, generator=generator, dtype=torch.float64) for _ in range(2))


def slopes(gradient: GradientEstimator, latents: Tensor, quantized: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of latents and of quantized (zero where none arrives), with the same noise at every call."""
    latents, quantized = latents.clone().requires_grad_(), quantized.clone().requires_grad_()
    torch.manual_seed(0)
    loss = (gradient(latents, quantized) * upstream).sum()
    found = torch.autograd.grad(loss, (latents, quantized), allow_unused=True)
    return tuple(torch.zeros_like(latents) if slope is None else slope for slope in found)


@every_gradient
def test_value_is_the_quantized_one_or_as_far_as_rounding_can_be(gradient: GradientEstimator) -> None:
    """Noise stands for the error of quantization: with rounded latents it is at most sqrt(D) / 2 long."""
    latents, quantized = pair(3, 7, 5)
    if gradient in NOISE:
        latents = 10 * latents
        torch.manual_seed(0)
        values = [gradient(latents, latents.round()) for _ in range(2)]
        assert not torch.equal(*values), "noise is drawn anew at every call"
        assert all(((value - latents).norm(dim=-1) <= 0.5 * 5**0.5 + 1e-9).all() for value in values)
    else:
        torch.testing.assert_close(gradient(latents, quantized), quantized, rtol=1e-14, atol=1e-14)


@every_gradient
def test_noise_is_of_the_global_generator(gradient: GradientEstimator) -> None:
    """One seed makes a run repeatable."""
    latents, quantized = pair(3, 7, 5)
    values = [gradient(latents, quantized) for _ in range(2) if torch.manual_seed(3)]
    assert torch.equal(*values)


@every_gradient
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-6, 1.0, 1e6])
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_latents_at_zero_on_their_vector_or_opposite_to_it_do_no_harm(
    gradient: GradientEstimator, scale: float, direction: float
) -> None:
    """Deep residuals are near zero; a vector may lie exactly on the other side of the origin."""
    quantized = pair(8, 5)[1].float()
    latents = quantized * scale * direction
    value = gradient(latents, quantized)
    assert torch.isfinite(value).all()
    if gradient not in NOISE:
        torch.testing.assert_close(value, quantized, rtol=1e-5, atol=1e-6 * max(1.0, scale))
    for slope in slopes(gradient, latents, quantized, torch.ones(8, 5)):
        assert torch.isfinite(slope).all()
        assert slope.abs().max() < 100, "a residual near zero blows the gradient up"


@every_gradient
def test_each_latent_is_treated_alone(gradient: GradientEstimator) -> None:
    """What happens to other latents, and what is asked of them, changes nothing for one."""
    latents, quantized = pair(6, 5)
    upstream = quantized.flip(0)
    whole = slopes(gradient, latents, quantized, upstream)
    for row in range(6):
        others = torch.arange(6)[:, None] != row
        changed = (torch.where(others, 3 * tensor - 1, tensor) for tensor in (latents, quantized, upstream))
        for before, after in zip(whole, slopes(gradient, *changed), strict=True):
            torch.testing.assert_close(before[row], after[row])


@every_gradient
def test_the_encoder_learns_at_every_latent(gradient: GradientEstimator) -> None:
    latents, quantized = pair(3, 7, 5)
    assert (slopes(gradient, latents, quantized, latents.flip(0))[0].norm(dim=-1) > 1e-6).all()


@every_gradient
def test_the_task_teaches_the_vectors_only_of_those_said_to_teach(gradient: GradientEstimator) -> None:
    """By codebook loss or by EMA they learn anyway; what teaches them besides must be meant to."""
    latents, quantized = pair(6, 5)
    arrives = slopes(gradient, latents, quantized, latents.flip(0))[1].norm(dim=-1) > 1e-6
    assert arrives.all() if gradient in TEACHERS else not arrives.any()
