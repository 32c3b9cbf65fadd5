"""Which codes move, and onto which latents: the same on every rank."""

import torch
from torch import Tensor


def least_used(usage: Tensor, candidates: Tensor, most: int) -> Tensor:
    """bool [V]: of the candidates bool [V], those `most` with the least usage [V]."""
    chosen = candidates.nonzero().squeeze(1)
    if len(chosen) <= most:
        return candidates
    chosen = chosen[usage[chosen].argsort(stable=True)[:most]]
    return torch.zeros_like(candidates).index_fill_(0, chosen, True)


def distinct(latents: Tensor, count: int, seed: int) -> Tensor:
    """[count, d] of latents [n, d], n >= count: drawn by `seed`, none twice."""
    generator = torch.Generator(latents.device).manual_seed(seed)
    return latents[torch.randperm(len(latents), generator=generator, device=latents.device)[:count]]
