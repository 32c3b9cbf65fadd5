"""An entropy model from codes of a corpus: a network for each level, and one for depths, trained on code lengths."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from kvant.bitstream.entropy_models.context import DEPTHS_KNOWN, decoded, past_depths, told
from kvant.training.coded_blocks import CodedBlocks
from kvant.training.integer_network import LOGIT, RoundedNetwork

HIDDEN = (160, 96)
DEPTH_HIDDEN = (48,)
BATCH = 2048
OWN_PAST, AROUND = (-5, -4, -3, -2, -1), (-2, -1, 0, 1, 2)
"""Frames that the coarsest level looks at, and the others."""
Batch = tuple[np.ndarray, np.ndarray]
"""Integer features [n, F], and what is to be told [n]."""


def integer_vectors(codebooks: np.ndarray) -> np.ndarray:
    """int8 [K, V, D] of codebooks [K, V, D]: each dimension in steps of the finest power of two that fits."""
    largest = np.abs(codebooks).max(axis=(0, 1))
    return np.round(codebooks * np.exp2(np.floor(np.log2(127 / largest)))).astype(np.int8)


def level_batches(blocks: CodedBlocks, vectors: np.ndarray, level: int, serial: bool, seed: int) -> Iterator[Batch]:
    """Frames of random blocks that have the level, about BATCH at a time, without end."""
    tables = np.concatenate([vectors, np.zeros_like(vectors[:, :1])], axis=1)
    offsets = np.array(AROUND if level else OWN_PAST)
    rng, curve = np.random.default_rng((seed, level)), blocks.limits()
    while True:
        features: list[np.ndarray] = []
        targets: list[np.ndarray] = []
        while sum(map(len, targets)) < BATCH:
            codes, depths = blocks.draw(rng, level, curve)
            frames = np.flatnonzero(depths > level)
            if len(frames):
                known = decoded(tables, level, serial, offsets, codes, frames)
                features.append(np.concatenate([known, told(depths, frames)], axis=1))
                targets.append(codes[level, frames])
        yield np.concatenate(features), np.concatenate(targets)


def depth_batches(blocks: CodedBlocks, seed: int) -> Iterator[Batch]:
    """All frames of random blocks, about BATCH at a time, without end."""
    rng, curve = np.random.default_rng((seed, len(blocks.codes))), blocks.limits()
    while True:
        parts = [blocks.draw(rng, 0, curve)[1] for _ in range(BATCH // 150)]
        yield (
            np.concatenate([past_depths(each, np.arange(len(each)), blocks.codes.shape[1]) for each in parts]),
            np.concatenate(parts),
        )


def level_network(codebook: np.ndarray, counts: np.ndarray, level: int) -> RoundedNetwork:
    """A network that starts from the frequencies of `counts` [V], and takes neighbours in `codebook` for alike."""
    size, dim = codebook.shape
    network = RoundedNetwork((len(AROUND) * dim + DEPTHS_KNOWN, *HIDDEN, size))
    generator = torch.Generator().manual_seed(level)
    places = torch.from_numpy(codebook / codebook.std()).float()
    mixing = torch.randn(dim, HIDDEN[-1], generator=generator) / (4 * dim**0.5)
    last = network.layers[-1]
    with torch.no_grad():
        last.weight.copy_(places @ mixing)
        last.bias.copy_(torch.from_numpy((counts + 1) / (counts + 1).sum()).log())
    return network


def fit(
    network: RoundedNetwork, batches: Iterator[Batch], steps: int, report: Callable[[int, float], None]
) -> RoundedNetwork:
    """Adam on code lengths; `report(step, bits)` every 100 steps."""
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=max(steps, 2), pct_start=0.1)
    mean = 0.0
    for step, (features, targets) in zip(range(1, steps + 1), batches):
        loss = F.cross_entropy(network(torch.from_numpy(features).float()), torch.from_numpy(targets))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        mean += float(loss.detach()) / np.log(2)
        if step % 100 == 0:
            report(step, mean / 100)
            mean = 0.0
    return network


def assembled(vectors: np.ndarray, serial: list[bool], networks: list[RoundedNetwork], depth: RoundedNetwork) -> dict:
    """Tensors of a `NeuralModel`."""
    unit = 2**LOGIT
    return {
        "vectors": vectors,
        "offsets": np.array([AROUND if level else OWN_PAST for level in range(len(vectors))], np.int8),
        "serial": np.array(serial),
        "weights": np.round(np.exp(-np.arange(16 * unit) / unit) * 2**20 + 1).astype(np.int32),
        **depth.tensors("depth"),
        **{name: part for k, network in enumerate(networks) for name, part in network.tensors(f"level.{k}").items()},
    }
