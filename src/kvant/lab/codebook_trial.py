"""One codebook on fixed latents: taught for some steps, then examined on latents that it has not met."""

from dataclasses import dataclass
from math import log10
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kvant.entropy import entropy
from kvant.lab.bench import Bench
from kvant.protocols import Quantizer

PART = 256
"""Latents examined at once."""


@dataclass(frozen=True)
class Teaching:
    """steps of `batch` latents each; Adam at `rate`."""

    steps: int
    batch: int
    rate: float = 1e-2


class Health(NamedTuple):
    """used: share of the codes that occur at all. perplexity: 2^H / V, with H corrected (`evaluation.entropy`).

    distortion: squared error over energy, in dB; 0 is what the zero vector leaves.
    """

    used: float
    perplexity: float
    distortion: float


def halves(bench: Bench, heard: float, unheard: float) -> tuple[Tensor, Tensor]:
    """Latents [n, 64] of so many seconds of the same speakers: to learn from, and to be examined on; clips apart.

    The latter are shuffled, so that any number of them is of all clips.
    """
    latents = bench.frames(heard + unheard)
    first = len(latents) - round(unheard * 75)
    generator = torch.Generator().manual_seed(bench.seed)
    return latents[:first], latents[first:][torch.randperm(len(latents) - first, generator=generator)]


def teach(quantizer: Quantizer, latents: Tensor, teaching: Teaching, seed: int) -> None:
    """Draw batches of latents [n, D] and follow the losses that the quantizer names, all at weight 1.

    To these comes the squared distance of output and latents. It teaches projections; vectors do not hear of it where
    the gradient is straight-through.
    """
    assert isinstance(quantizer, nn.Module)
    generator = torch.Generator().manual_seed(seed)
    parameters = list(quantizer.parameters())
    optimizer = torch.optim.Adam(parameters, teaching.rate) if parameters else None
    quantizer.train()
    for _ in range(teaching.steps):
        batch = latents[torch.randint(len(latents), (teaching.batch,), generator=generator)].T[None]
        quantized = quantizer(batch)
        loss = sum(quantized.losses.values()) + (quantized.latents - batch).square().mean()
        if optimizer and loss.requires_grad:
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
