"""Laws of gradient estimators: the value is the quantized one, the gradient is finite wherever latents may fall."""

import pytest
import torch
from torch import Tensor

from kvant.protocols import GradientEstimator
from kvant.quantizers.gradients import GRADIENTS

every_gradient = pytest.mark.parametrize("gradient", GRADIENTS, ids=lambda g: g.__name__)


def pair(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(*shape, generator=generator, dtype=torch.float64) for _ in range(2))


@every_gradient
def test_value_is_the_quantized_value(gradient: GradientEstimator) -> None:
    latents, quantized = pair(3, 7, 5)
    torch.testing.assert_close(gradient(latents, quantized), quantized, rtol=1e-14, atol=1e-14)


@every_gradient
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-6, 1e6])
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_latents_at_zero_or_opposite_to_their_vector_do_no_harm(
    gradient: GradientEstimator, scale: float, direction: float
) -> None:
    """Deep residuals are near zero; a vector may lie exactly on the other side of the origin."""
    _, quantized = (tensor.float() for tensor in pair(8, 5))
    latents = (quantized * scale * direction).requires_grad_()
    value = gradient(latents, quantized)
    value.sum().backward()
    torch.testing.assert_close(value.detach(), quantized, rtol=1e-5, atol=1e-6 * max(1.0, scale))
    assert torch.isfinite(latents.grad).all()
    assert latents.grad.abs().max() < 100, "a residual near zero blows the gradient up"


@every_gradient
def test_each_latent_is_treated_alone(gradient: GradientEstimator) -> None:
    latents, quantized = pair(6, 5)
    upstream = pair(6, 5)[1].flip(0)
    latents.requires_grad_()
    (whole,) = torch.autograd.grad((gradient(latents, quantized) * upstream).sum(), latents)
    for row in range(6):
        z = latents.detach()[row].requires_grad_()
        (alone,) = torch.autograd.grad((gradient(z, quantized[row]) * upstream[row]).sum(), z)
        torch.testing.assert_close(whole[row], alone)


@every_gradient
def test_no_task_gradient_reaches_the_vectors(gradient: GradientEstimator) -> None:
    latents, quantized = pair(6, 5)
    quantized.requires_grad_()
    value = gradient(latents.requires_grad_(), quantized)
    assert torch.autograd.grad(value.sum(), quantized, allow_unused=True)[0] is None
