"""The latents that experiments quantize: those of Kvant's own codec before any training, and the way back to a wav."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kvant.lab.bench import Bench
from kvant.layers.klt import solve_klt
from kvant.layers.lapped import LappedAnalysis, LappedSynthesis
from kvant.layers.spectral_features import FeatureConfig, SpectralFeatures

DIM, HOP = 64, 320
SECONDS = 120.0
"""Speech that the transform is solved from: some 9,000 frames for a covariance of 148 x 148."""


class Latents(NamedTuple):
    """wav <-> latents: compressed MDCT bins and band levels (`layers.spectral_features`) through a KLT to 64 dims.

    mean [148], basis [64, 148]; the basis is scaled to a mean variance of 1 per dimension. scale: of the way back.
    """

    mean: Tensor
    basis: Tensor
    scale: Tensor

    @torch.no_grad()
    def encode(self, wav: np.ndarray) -> Tensor:
        """[T, 64], T = ceil(n / 320), of wav float32 [n] at 24 kHz."""
        return (features(wav) - self.mean) @ self.basis.T

    @torch.no_grad()
    def decode(self, latents: Tensor) -> np.ndarray:
        """float32 [(T - 1) * 320], the wav of latents [T, 64] without noise filling: its first sample is the wav's."""
        rows = latents @ self.basis * self.scale + self.mean
        coefficients, _, _ = SpectralFeatures(FeatureConfig(HOP)).restore(rows)
        spectrum = F.pad(coefficients, (0, HOP - coefficients.shape[-1]))
        return LappedSynthesis(HOP)(spectrum.T[None])[0, 0, HOP:].numpy()


@torch.no_grad()
def features(wav: np.ndarray) -> Tensor:
    """[T, 148] of wav float32 [n]; the last frame is filled up with silence."""
    padded = F.pad(torch.from_numpy(wav), (0, -len(wav) % HOP))
    return SpectralFeatures(FeatureConfig(HOP))(LappedAnalysis(HOP)(padded[None, None]).transpose(1, 2))[0]


def solve(wav: np.ndarray) -> Latents:
    """In closed form from wav float32 [n]."""
    mean, basis, variances = solve_klt(features(wav), DIM)
    scale = variances[:DIM].mean()
    return Latents(mean, basis / scale.sqrt(), scale)


@lru_cache
def solve_speech(folder: Path) -> Latents:
    """From two minutes of a training split; always the same ones."""
    return solve(Bench(0, folder.parent).speech(folder.name, SECONDS))
