"""What comparisons with vector_quantize_pytorch share."""

import torch
from torch import Tensor


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def assert_alike(ours: Tensor, theirs: Tensor) -> None:
    """Equal but for rounding."""
    torch.testing.assert_close(ours.detach(), theirs.detach().float(), rtol=1e-5, atol=1e-5)
