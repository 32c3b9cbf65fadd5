"""Held-out losses, the same segments each time."""

from collections.abc import Sequence

import torch

from kvant.codec import Codec
from kvant.data import Batch
from kvant.training.objective import Objective


@torch.no_grad()
def validate(codec: Codec, objective: Objective, batches: Sequence[Batch], depths: Sequence[int]) -> dict[str, float]:
    """`mel@k`, `commitment@k`, ...: the mean over batches of every loss, decoded from k levels, for each depth k."""
    scores: dict[str, float] = {}
    for depth in depths:
        for batch in batches:
            for name, loss in objective(codec(batch.wav, depth), batch).items():
                scores[f"{name}@{depth}"] = scores.get(f"{name}@{depth}", 0.0) + float(loss) / len(batches)
    return scores
