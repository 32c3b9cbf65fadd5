"""The Karhunen-Loeve transform is the best linear map to few dimensions (Eckart and Young, 1936)."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kvant.layers.klt import KLT, InverseKLT, solve_klt

FEATURES, DIM = 12, 5


@pytest.fixture(scope="module")
def features() -> Tensor:
    """Correlated features with a mean: [800, 12]."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(FEATURES, FEATURES, generator=generator) * torch.linspace(2, 0.1, FEATURES)
    return torch.randn(800, FEATURES, generator=generator) @ mixing.T + torch.arange(FEATURES)


def error_of(basis: Tensor, mean: Tensor, features: Tensor) -> float:
    """Mean squared error of projecting onto the rows of an orthonormal basis, with the n - 1 of a covariance."""
    centred = (features - mean).double()
    projected = centred @ basis.double().T @ basis.double()
    return float((centred - projected).square().sum() / (len(features) - 1))


def test_basis_is_orthonormal_and_decorrelates(features: Tensor) -> None:
    mean, basis, variances = solve_klt(features, FEATURES)
    torch.testing.assert_close(basis @ basis.T, torch.eye(FEATURES), rtol=0, atol=1e-6)
    latents = (features - mean) @ basis.T
    torch.testing.assert_close(torch.cov(latents.T), torch.diag(variances), rtol=1e-4, atol=1e-3)
    assert torch.equal(variances, variances.sort(descending=True).values)


def test_error_is_the_sum_of_the_discarded_variances(features: Tensor) -> None:
    for dim in range(1, FEATURES + 1):
        mean, basis, variances = solve_klt(features, dim)
        assert error_of(basis, mean, features) == pytest.approx(
            float(variances[dim:].double().sum()), rel=1e-4, abs=1e-6
        )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31 - 1), closeness=st.sampled_from([0.0, 0.9, 0.999]))
def test_no_other_basis_of_that_dimension_is_better(features: Tensor, seed: int, closeness: float) -> None:
    mean, basis, _ = solve_klt(features, DIM)
    noise = torch.randn(FEATURES, DIM, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    other, _ = torch.linalg.qr(closeness * basis.T.double() + (1 - closeness) * noise)
    assert error_of(other.T, mean, features) >= error_of(basis, mean, features) * (1 - 1e-6)


def test_signs_are_fixed(features: Tensor) -> None:
    """The largest entry of each basis vector is positive, whichever sign the eigenvector came with."""
    _, basis, _ = solve_klt(features, DIM)
    assert (basis.gather(1, basis.abs().argmax(1, keepdim=True)) > 0).all()
    torch.testing.assert_close(solve_klt(-features, DIM)[1], basis, rtol=1e-4, atol=1e-5)


def test_modules_compute_the_projection_and_its_transpose(features: Tensor) -> None:
    mean, basis, variances = solve_klt(features, DIM)
    forward, inverse = KLT(FEATURES, DIM), InverseKLT(FEATURES, DIM)
    with torch.no_grad():
        for module in (forward, inverse):
            module.mean.copy_(mean)
            module.basis.copy_(basis)
        latents = forward(features)
        restored = inverse(latents)
    torch.testing.assert_close(latents.var(0), variances[:DIM], rtol=1e-4, atol=1e-4)
    # Projecting again changes nothing: the pair is a projection.
    torch.testing.assert_close(forward(restored).detach(), latents, rtol=1e-4, atol=1e-4)
    error = float((features - restored).square().sum() / (len(features) - 1))
    assert error == pytest.approx(float(variances[DIM:].sum()), rel=1e-3)
