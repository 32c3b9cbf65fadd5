"""What each level of a quantizer does: codes in use, energy it leaves, signal against quantization noise."""

import torch
from torch import Tensor

from kvant.entropy import entropy
from kvant.protocols import Quantizer
from kvant.training.diagnosis.counting import usage


def count_codes(codes: Tensor, sizes: tuple[int, ...]) -> list[Tensor]:
    """Wins of each code, int64 [V], by level of codes [B, K, T]."""
    return [torch.bincount(codes[:, level].reshape(-1), minlength=size) for level, size in enumerate(sizes)]


def usage_measures(counts: list[Tensor]) -> dict[str, float]:
    """By level k: `level_k/usage` (see `counting.usage`), `entropy` in bits, `perplexity` = 2^entropy, `n`, `size`."""
    measures: dict[str, float] = {}
    for level, wins in enumerate(counts):
        listed = wins.tolist()
        bits = entropy(listed)
        values = {"usage": usage(listed), "entropy": bits, "perplexity": 2**bits, "n": sum(listed), "size": len(listed)}
        measures |= {f"level_{level}/{name}": float(value) for name, value in values.items()}
    return measures


@torch.no_grad()
def residual_measures(quantizer: Quantizer, latents: Tensor, codes: Tensor) -> dict[str, float]:
    """By level k: `level_k/residual_energy`, share of the energy of latents [B, D, T] that levels 0..k leave.

    `quantization_snr`: dB of latents over what all levels leave. `latents/rms`: root mean square of the latents.
    Energies are about zero, not about the mean, since that is what the levels have to code.
    """
    energy = latents.square().mean().clamp(min=1e-20)
    measures = {"latents/rms": float(energy.sqrt())}
    left = 1.0
    for level in range(codes.shape[1]):
        left = float((latents - quantizer.decode(codes[:, : level + 1])).square().mean() / energy)
        measures[f"level_{level}/residual_energy"] = left
    measures["quantization_snr"] = float(-10 * torch.log10(torch.tensor(left).clamp(min=1e-20)))
    return measures
