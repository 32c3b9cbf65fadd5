"""What every source of training data hands out, and the last step before it does."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Batch(NamedTuple):
    """wav: [B, 1, N]. bandwidth: [B] Hz, the highest frequency each source recording carries."""

    wav: Tensor
    bandwidth: Tensor


def stacked(items: list[tuple[np.ndarray, float]]) -> Batch:
    """The batch of (samples float32 [N], bandwidth in Hz)."""
    wav = torch.from_numpy(np.stack([samples for samples, _ in items]))[:, None]
    return Batch(wav, torch.tensor([bandwidth for _, bandwidth in items]))


def placed(samples: np.ndarray, num_samples: int, gain_db: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """float32 [num_samples]: `samples` [n <= num_samples] at a random place in silence, times a random gain.

    The gain is uniform in decibels within `gain_db`, and less where the peak would exceed 1.
    """
    slack = num_samples - len(samples)
    if slack > 0:
        before = int(rng.integers(slack + 1))
        samples = np.pad(samples, (before, slack - before))
    gain = 10 ** (rng.uniform(*gain_db) / 20)
    peak = float(np.abs(samples).max(initial=1e-9))
    return samples * np.float32(min(gain, 1 / peak))
