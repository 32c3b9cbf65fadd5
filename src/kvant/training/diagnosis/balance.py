"""Who is winning: a discriminator's scores on real and on decoded audio."""

import torch
from torch import Tensor

from kvant.protocols import Discriminator


@torch.no_grad()
def balance(discriminator: Discriminator, estimate: Tensor, reference: Tensor, boundary: float) -> dict[str, float]:
    """`real` and `fake`: mean scores of reference and estimate [B, 1, N]; `accuracy`: share on the right side.

    boundary: the score between real and fake: 0 for the hinge loss, 0.5 for least squares with targets 1 and 0. All
    judgements weigh alike, however many scores they have. Accuracy is the mean of that on real and that on fake.
    """
    judged = zip(discriminator(reference), discriminator(estimate), strict=True)
    pairs = [(real.score, fake.score) for real, fake in judged]
    count = len(pairs)
    right = [((real > boundary).float().mean() + (fake < boundary).float().mean()) / 2 for real, fake in pairs]
    return {
        "real": float(sum(real.mean() for real, _ in pairs) / count),
        "fake": float(sum(fake.mean() for _, fake in pairs) / count),
        "accuracy": float(sum(right) / count),
    }
