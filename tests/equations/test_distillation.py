"""Semantic distillation: what it compares, and what it does not hear."""

import math

import pytest
import torch
from torch import Tensor

from kvant.losses import SemanticDistillationLoss


@pytest.fixture
def features() -> Tensor:
    return torch.randn(2, 6, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("cosine", [1.0, 0.6, 0.0, -1.0])
def test_it_is_minus_the_log_sigmoid_of_the_cosine_in_time(features: Tensor, cosine: float) -> None:
    """Each dimension of the estimate made so that its track has the cosine with the reference's."""
    other = torch.randn_like(features)
    unit = features / features.norm(dim=-1, keepdim=True)
    across = other - (other * unit).sum(-1, keepdim=True) * unit
    estimate = cosine * unit + math.sqrt(1 - cosine**2) * across / across.norm(dim=-1, keepdim=True)
    assert float(SemanticDistillationLoss()(estimate, features)) == pytest.approx(math.log(1 + math.exp(-cosine)))


def test_dimensions_count_alike_whatever_their_scales(features: Tensor) -> None:
    """Mean over dimensions: one of six opposite adds a sixth of log(1 + e) - log(1 + 1/e) = 1."""
    loss, signs = SemanticDistillationLoss(), torch.ones(6, 1, dtype=torch.float64)
    scales = torch.linspace(0.1, 9, 6, dtype=torch.float64)[:, None]
    alike = float(loss(scales * features, features))
    signs[4] = -1
    assert float(loss(signs * scales * features, features)) - alike == pytest.approx(1 / 6)


def test_frames_that_one_side_lacks_are_not_compared(features: Tensor) -> None:
    loss, estimate = SemanticDistillationLoss(), features + 0.5
    longer = torch.cat([features, features[..., :2]], dim=-1)
    assert float(loss(estimate, longer)) == float(loss(estimate, features))
    assert float(loss(longer, estimate)) == pytest.approx(float(loss(features, estimate)))


def test_its_slope_moves_the_estimate_across_its_track_alone(features: Tensor) -> None:
    """A cosine does not change with length, so the slope is at right angles to the track; silence gives no slope."""
    estimate = (features + torch.randn_like(features)).requires_grad_()
    SemanticDistillationLoss()(estimate, features).backward()
    assert (estimate.grad * estimate).sum(-1).abs().max() < 1e-12
    assert estimate.grad.abs().max() > 1e-6
    silent = torch.zeros_like(features, requires_grad=True)
    SemanticDistillationLoss()(silent, features).backward()
    assert torch.isfinite(silent.grad).all()
