"""What all codebooks share: V vectors, how often each is used, and one door for whoever moves them from outside.

A codebook owns its invariant: remedies call `replace`, which keeps vectors and statistics together. (Where they were
kept apart, revived codes were overwritten by the old averages within the same forward pass, in EnCodec and four
projects that copied it.)
"""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from kvant.quantizers.codebooks.half_energies import forget, half_energies
from kvant.quantizers.distributed import sum_over_ranks
from kvant.quantizers.kmeans import nearest

MIN_WINDOW = 20.0
LATENTS_PER_CODE = 10.0


def usage_window(size: int, latents: Tensor) -> Tensor:
    """Steps over which `usage` is averaged, with so many latents (a scalar) a step: 20, or until 10 came per code.

    In a window of m latents a code, one that wins r times the uniform share fades from 1 below s, and so counts as dead
    though it is not, if none comes for ln(1/s) windows: with probability s^(r m). At m = 10 and s = 0.1 that is 1e-10
    at the uniform share and 1e-3 at a third of it. 16,384 codes and 1,200 latents a step put m at 1.5 in a window of 20
    steps: 3 % of the codes in perfect use would be dead at any time. So the window is measured in latents, not steps.
    """
    return (LATENTS_PER_CODE * size / latents).clamp(min=MIN_WINDOW)


class TrackedCodebook(nn.Module):
    """A codebook that counts its use. `usage`: running share of each code, 1 = uniform.

    `started`: how many vectors a k-means start has set, twice the size if none is to come (`remedies.kmeans_init`).
    `weight` [V, d] holds the vectors that inference searches and decodes; `statistics` names what only training needs.
    Running averages stay in float32 when the module is cast to half precision, where a step of 1 % is lost to rounding.
    """

    weight: Tensor
    usage: Tensor
    steps: Tensor
    started: Tensor
    running: ClassVar[tuple[str, ...]] = ("usage", "steps", "started")
    frozen: ClassVar[bool] = False

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.size, self.dim = size, dim
        self.register_buffer("usage", torch.ones(size))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("started", torch.zeros((), dtype=torch.int64))
        self.register_load_state_dict_pre_hook(_take_for_started)

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names in the state of this module that inference does without."""
        return self.running

    @property
    def vectors(self) -> Tensor:
        """[V, d]: exactly what is searched and decoded."""
        return self.weight

    def admit(self, vectors: Tensor) -> Tensor:
        """What this codebook can hold of wanted vectors [..., d]: all of it, unless its vectors are of one kind."""
        return vectors

    def search(self, latents: Tensor) -> Tensor:
        """int64 [n]: the nearest code of each latent [n, d]."""
        vectors = self.vectors
        known = half_energies(vectors) if vectors is self.weight and not self.training else None
        return nearest(latents, vectors.detach(), known)

    def lookup(self, codes: Tensor) -> Tensor:
        """[..., d]: the vector of each code."""
        return nn.functional.embedding(codes, self.vectors)

    def losses(self, latents: Tensor, quantized: Tensor) -> dict[str, Tensor]:
        """What moves the vectors by gradient, if anything does. latents, quantized: [n, d]."""
        return {}

    @torch.no_grad()
    def replace(self, mask: Tensor, vectors: Tensor, usage: Tensor | float = 1.0) -> None:
        """Put vectors [sum(mask), d] where mask [V] is true, with the statistics of an average code (or `usage`)."""
        self.weight[mask] = self.admit(vectors).to(self.weight.dtype)
        self.usage[mask] = usage

    @torch.no_grad()
    def restore(self) -> None:
        """All that only training needs, from a `weight` that was loaded without, and stays as it is to the bit."""
        if not self.frozen:
            loaded = self.weight.detach().clone()
            self.replace(torch.ones_like(self.usage, dtype=torch.bool), loaded)
            self.weight.copy_(loaded)
        self.steps.zero_()
        self.keep()

    @torch.no_grad()
    def keep(self) -> None:
        """Take the vectors for found, where they were loaded or solved: no k-means start is to come."""
        self.steps.clamp_(min=1)
        self.started.fill_(2 * self.size)

    @torch.no_grad()
    def update(self, latents: Tensor, codes: Tensor) -> None:
        """Count one training step: latents [n, d] were given codes [n]. Statistics are the same on every rank."""
        counts = sum_over_ranks(torch.bincount(codes, minlength=self.size).to(self.usage.dtype))
        total = counts.sum()
        share = counts / total.clamp(min=1) * self.size
        self.usage.lerp_(share, 1 / usage_window(self.size, total))
        self.steps += 1
        self.follow(latents, codes, counts)

    def follow(self, latents: Tensor, codes: Tensor, counts: Tensor) -> None:
        """Move vectors after the latents [n, d] they won, if not by gradient. counts [V]: of codes, on all ranks."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        kept = {name: self._buffers[name] for name in self.running}
        forget(self.weight)
        super()._apply(fn, recurse)
        for name, tensor in kept.items():
            moved = self._buffers[name]
            assert tensor is not None
            assert moved is not None
            if moved.dtype in (torch.float16, torch.bfloat16):
                self._buffers[name] = tensor.to(moved.device, torch.float32)
        return self


def _take_for_started(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Before a state is loaded that was saved when codebooks did not count what is `started`."""
    if f"{prefix}steps" in state and f"{prefix}started" not in state:
        assert isinstance(module, TrackedCodebook)
        steps = state[f"{prefix}steps"]
        state[f"{prefix}started"] = 2 * module.size * (steps > 0).to(steps.dtype)
