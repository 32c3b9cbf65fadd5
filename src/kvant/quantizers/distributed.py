"""Codebook statistics over all ranks of a distributed run; the identity in a single process."""

import torch
import torch.distributed as dist
from torch import Tensor


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """The sum of `tensor` over ranks, on every rank."""
    if dist.is_available() and dist.is_initialized():
        tensor = tensor.clone()
        dist.all_reduce(tensor)
    return tensor


def gather_rows(rows: Tensor) -> Tensor:
    """The rows [n, d] of all ranks (n may differ), in rank order, on every rank: so each draws the same from them."""
    if not (dist.is_available() and dist.is_initialized()):
        return rows
    counts = [0] * dist.get_world_size()
    dist.all_gather_object(counts, len(rows))
    padded = rows.new_zeros(max(counts), rows.shape[1])
    padded[: len(rows)] = rows
    gathered = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(gathered, padded)
    return torch.cat([part[:count] for part, count in zip(gathered, counts)])
