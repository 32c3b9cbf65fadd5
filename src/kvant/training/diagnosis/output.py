"""Levels of what comes in and goes out: silence, clipping."""

from torch import Tensor

SILENCE = 1e-4
"""RMS below which an item counts as silent: -80 dB of full scale, below the noise of any microphone."""


def level_measures(estimate: Tensor, reference: Tensor) -> dict[str, float]:
    """wavs [B, 1, N]. `input/rms`; `input/silent`, share of silent items; `output/rms`; `output/clipped`.

    clipped: share of the estimate's samples beyond [-1, 1], before anything clamps them.
    """
    loudness = reference.square().mean((1, 2)).sqrt()
    return {
        "input/rms": float(reference.square().mean().sqrt()),
        "input/silent": float((loudness < SILENCE).float().mean()),
        "output/rms": float(estimate.square().mean().sqrt()),
        "output/clipped": float((estimate.abs() > 1).float().mean()),
    }
