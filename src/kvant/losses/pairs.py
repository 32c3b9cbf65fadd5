"""What a loss compares: an estimate and its reference, sample against sample."""

from torch import Tensor

from kvant.errors import UsageError


def check_pair(estimate: Tensor, reference: Tensor) -> None:
    """UsageError: of different shapes, which torch would stretch to each other where it can."""
    if estimate.shape != reference.shape:
        raise UsageError(f"an estimate of shape {list(estimate.shape)} of a reference of {list(reference.shape)}")
