"""The gradient estimators' own equations, in double precision."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kvant.quantizers.gradients import Unquantized, rotation_trick, straight_through

any_seed = given(seed=st.integers(0, 2**31 - 1))
unhurried = settings(deadline=None, derandomize=True)


def draw(seed: int, dim: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    """Latents, quantized and a gradient G at the output, [dim] each."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(dim, generator=generator, dtype=torch.float64) for _ in range(3))


def gradient(estimator: object, latents: Tensor, quantized: Tensor, upstream: Tensor) -> Tensor:
    """dL/d latents where dL/d output = upstream."""
    latents = latents.clone().requires_grad_()
    return torch.autograd.grad(estimator(latents, quantized), latents, upstream)[0]


def cosine(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a, b) / (a.norm() * b.norm()))


@unhurried
@any_seed
def test_straight_through_copies_the_gradient_bit_for_bit(seed: int) -> None:
    latents, quantized, upstream = (tensor.float() for tensor in draw(seed))
    assert torch.equal(gradient(straight_through, latents, quantized, upstream), upstream)


@unhurried
@any_seed
def test_rotation_keeps_the_angle_and_scales_by_the_ratio_of_lengths(seed: int) -> None:
    """angle(G, q) = angle(dz, z) and |dz| = |q| / |z| |G|, while the ratio is below its limit."""
    latents, quantized, upstream = draw(seed)
    slope = gradient(rotation_trick, latents, quantized, upstream)
    ratio = min(float(quantized.norm() / latents.norm()), 10.0)
    assert cosine(slope, latents) == pytest.approx(cosine(upstream, quantized), abs=1e-9)
    assert float(slope.norm()) == pytest.approx(ratio * float(upstream.norm()), rel=1e-9)


@unhurried
@any_seed
def test_rotation_leaves_what_is_orthogonal_to_both_alone(seed: int) -> None:
    """R acts in the plane of z and q: a gradient orthogonal to both is only scaled."""
    latents, quantized, upstream = draw(seed)
    plane, _ = torch.linalg.qr(torch.stack([latents, quantized], dim=1))
    upstream = upstream - plane @ (plane.T @ upstream)
    ratio = min(float(quantized.norm() / latents.norm()), 10.0)
    torch.testing.assert_close(gradient(rotation_trick, latents, quantized, upstream), ratio * upstream)


@unhurried
@any_seed
def test_rotation_is_straight_through_where_latents_are_already_quantized(seed: int) -> None:
    latents, _, upstream = draw(seed)
    torch.testing.assert_close(gradient(rotation_trick, latents, latents, upstream), upstream)


@unhurried
@any_seed
def test_rotation_takes_the_radial_direction_to_the_radial_direction(seed: int) -> None:
    """A gradient along q pulls z along z."""
    latents, quantized, _ = draw(seed)
    slope = gradient(rotation_trick, latents, quantized, quantized / quantized.norm())
    assert cosine(slope, latents) == pytest.approx(1, abs=1e-9)


def test_rotation_ratio_is_limited_to_ten() -> None:
    _, quantized, upstream = draw(0)
    slope = gradient(rotation_trick, quantized * 1e-3, quantized, upstream)
    torch.testing.assert_close(slope.norm(), 10 * upstream.norm())


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_the_items_goes_unquantized_and_each_as_a_whole(share: float) -> None:
    """All frames of an item are latents or all are vectors; the gradient is that at the output in either."""
    torch.manual_seed(0)
    latents, quantized, upstream = torch.randn(3, 2000, 4, 3, dtype=torch.float64)
    value = Unquantized(share)(latents.requires_grad_(), quantized)
    own, vectors = (torch.isclose(value, other, rtol=0, atol=1e-12).flatten(1) for other in (latents, quantized))
    assert torch.equal(own.all(1), ~vectors.all(1))
    assert float(own.all(1).double().mean()) == pytest.approx(share, abs=0.03)
    assert torch.equal(torch.autograd.grad(value, latents, upstream)[0], upstream)
