"""Learning rate over a phase."""

import math

from torch.optim import Optimizer

from kvant.training.config import OptimConfig


def schedule(step: int, steps: int, optim: OptimConfig) -> float:
    """Share of the peak rate: linear over the warm-up, if there is one, then half a cosine down to `final`."""
    warmup = min(1.0, (step + 1) / max(optim.warmup_steps, 1))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return warmup * (optim.final + (1 - optim.final) * cosine)


def set_rate(optimizer: Optimizer, share: float) -> None:
    """Every group to its own peak times `share`."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share
