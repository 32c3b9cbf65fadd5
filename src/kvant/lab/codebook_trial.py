"""One codebook on fixed latents: taught for some steps, then examined on latents that it has not met."""

from dataclasses import dataclass
from math import log10
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kvant.evaluation.entropy import entropy
from kvant.lab.bench import Bench
from kvant.protocols import Quantizer

PART = 1024
"""Latents examined at once."""


@dataclass(frozen=True)
class Teaching:
    """steps of `batch` latents each, the very first of `first` if it is more; Adam at `rate`, warmed up if at all."""

    steps: int
    batch: int
    rate: float = 1e-2
    first: int = 0
    warmup: int = 1


class Health(NamedTuple):
    """used: share of the codes that occur at all. perplexity: 2^H / V, with H corrected (`evaluation.entropy`).

    distortion: squared error over energy, in dB; 0 is what the zero vector leaves.
    """

    used: float
    perplexity: float
    distortion: float


def halves(bench: Bench, heard: float, unheard: float) -> tuple[Tensor, Tensor]:
    """Latents [n, 64] of so many seconds of the same speakers: to learn from, and to be examined on; clips apart."""
    latents = bench.frames(heard + unheard)
    return latents[: -round(unheard * 75)], latents[-round(unheard * 75) :]


def teach(quantizer: Quantizer, latents: Tensor, teaching: Teaching, seed: int) -> None:
    """Draw batches of latents [n, D] and follow the losses that the quantizer names, all at weight 1.

    The distance to the latents is added where the quantizer has other parameters to learn than its vectors: it is what
    projections are taught by.
    """
    assert isinstance(quantizer, nn.Module)
    generator = torch.Generator().manual_seed(seed)
    parameters = list(quantizer.parameters())
    optimizer = torch.optim.Adam(parameters, teaching.rate) if parameters else None
    quantizer.train()
    for step in range(teaching.steps):
        size = max(teaching.batch, teaching.first * (step == 0))
        batch = latents[torch.randint(len(latents), (size,), generator=generator)].T[None]
        quantized = quantizer(batch)
        loss = sum(quantized.losses.values()) + (quantized.latents - batch).square().mean()
        if optimizer and loss.requires_grad:
            for group in optimizer.param_groups:
                group["lr"] = teaching.rate * min(1, (step + 1) / teaching.warmup)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@torch.no_grad()
def examine(quantizer: Quantizer, latents: Tensor) -> Health:
    """The health of a quantizer of one level on latents [n, D]: what is used depends on n, so compare at the same n."""
    assert isinstance(quantizer, nn.Module)
    quantizer.eval()
    counts = torch.zeros(quantizer.codebook_sizes[0], dtype=torch.int64)
    error = 0.0
    for part in latents.split(PART):
        codes = quantizer.encode(part.T[None])
        counts += torch.bincount(codes.flatten(), minlength=len(counts))
        error += float((quantizer.decode(codes)[0].T - part).square().sum())
    share = error / float(latents.square().sum())
    perplexity = 2 ** entropy(counts.numpy()) / len(counts)
    return Health(float((counts > 0).float().mean()), perplexity, 10 * log10(share))
