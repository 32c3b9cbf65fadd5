"""Laws of losses: least where estimate and reference agree, more with noise, slopes finite in silence.

Distances are zero at equality, positive elsewhere and symmetric as well. SI-SDR is a ratio in dB and no distance;
spectral convergence measures in units of the reference, so it is not symmetric.
"""

import pytest
import torch
from torch import Tensor

from kvant.losses import LOSSES as LISTED
from kvant.losses import DisturbanceLoss, MultiResolutionSTFTLoss, SISDRLoss
from tests.laws.implementers import LOSSES
from tests.speech import speech

every_loss = pytest.mark.parametrize("loss", [k for k in LISTED if k in LOSSES])
every_distance = pytest.mark.parametrize("loss", [k for k in LISTED if k in LOSSES and k is not SISDRLoss])
ASYMMETRIC = (SISDRLoss, MultiResolutionSTFTLoss, DisturbanceLoss)
every_symmetric_distance = pytest.mark.parametrize("loss", [k for k in LISTED if k in LOSSES and k not in ASYMMETRIC])


@pytest.fixture(scope="module")
def pair() -> tuple[Tensor, Tensor]:
    return speech(0.4, batch=2, seed=0), speech(0.4, batch=2, seed=1)


@every_loss
def test_least_at_equality(loss: type, pair: tuple[Tensor, Tensor]) -> None:
    criterion, (wav, other) = LOSSES[loss](), pair
    noise = torch.randn(wav.shape, generator=torch.Generator().manual_seed(3))
    for different in (other, wav + 1e-3 * noise, -wav + 1e-3 * noise, 1.1 * wav + 1e-3 * noise):
        assert float(criterion(wav, wav)) < float(criterion(different, wav))


@every_distance
def test_zero_at_equality(loss: type, pair: tuple[Tensor, Tensor]) -> None:
    """Up to a floor that keeps slopes finite, far below what any change of the signal costs."""
    criterion, (wav, other) = LOSSES[loss](), pair
    assert float(criterion(wav, other)) > 0
    assert float(criterion(wav, wav)) <= 1e-4 * float(criterion(wav, other))


@every_symmetric_distance
def test_symmetric(loss: type, pair: tuple[Tensor, Tensor]) -> None:
    criterion, (wav, other) = LOSSES[loss](), pair
    torch.testing.assert_close(criterion(wav, other), criterion(other, wav))


@every_loss
def test_more_noise_costs_more(loss: type, pair: tuple[Tensor, Tensor]) -> None:
    criterion, (wav, _) = LOSSES[loss](), pair
    noise = torch.randn(wav.shape, generator=torch.Generator().manual_seed(2))
    costs = [float(criterion(wav + level * noise, wav)) for level in (0.001, 0.003, 0.01, 0.03, 0.1)]
    assert costs == sorted(costs)
    assert costs[0] > float(criterion(wav, wav))


@every_loss
def test_items_of_a_batch_average(loss: type, pair: tuple[Tensor, Tensor]) -> None:
    criterion, (wav, other) = LOSSES[loss](), pair
    alone = [criterion(other[item : item + 1], wav[item : item + 1]) for item in range(2)]
    torch.testing.assert_close(criterion(other, wav), torch.stack(alone).mean())


@every_loss
@pytest.mark.parametrize("estimate", ["silence", "reference", "faint", "full scale"])
@pytest.mark.parametrize("reference", ["silence", "speech"])
def test_slopes_are_finite_and_bounded(loss: type, estimate: str, reference: str, pair: tuple[Tensor, Tensor]) -> None:
    criterion, (wav, _) = LOSSES[loss](), pair
    target = wav if reference == "speech" else torch.zeros_like(wav)
    start = {"silence": wav * 0, "reference": target, "faint": wav * 1e-6, "full scale": wav.sign()}[estimate]
    start = start.clone().requires_grad_()
    value = criterion(start, target)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(start.grad).all()
    assert start.grad.norm() < 1e3
