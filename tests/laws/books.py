"""Builders of codebooks, and of what keeps them alive, for the laws."""

from collections.abc import Callable

from torch import nn

from kvant.protocols import Codebook, Penalty, Remedy
from kvant.quantizers.codebooks import (
    AffineCodebook,
    BridgedCodebook,
    EMACodebook,
    LearnedCodebook,
    NormalizedCodebook,
    NormalizedEMACodebook,
    RandomProjectionCodebook,
    SimVQCodebook,
)
from kvant.quantizers.penalties import EntropyPenalty, WassersteinPenalty
from kvant.quantizers.remedies import KMeansInit, OnlineClustering, ReviveDeadCodes


def awake_bridge(size: int, dim: int) -> BridgedCodebook:
    """A bridge that has learnt something: it starts at the identity, where its first layers have no gradient yet."""
    book = BridgedCodebook(size, dim, group=3, width=8, heads=2)
    nn.init.normal_(book.bridge.recover.weight, std=0.1)
    return book


CODEBOOKS: dict[type, Callable[[int, int], Codebook]] = {
    AffineCodebook: AffineCodebook,
    BridgedCodebook: awake_bridge,
    EMACodebook: lambda size, dim: EMACodebook(size, dim, decay=0.9),
    LearnedCodebook: LearnedCodebook,
    NormalizedCodebook: NormalizedCodebook,
    NormalizedEMACodebook: lambda size, dim: NormalizedEMACodebook(size, dim, decay=0.9),
    RandomProjectionCodebook: lambda size, dim: RandomProjectionCodebook(size, dim, rank=3),
    SimVQCodebook: SimVQCodebook,
}

REMEDIES: dict[type, Callable[[], Remedy]] = {
    KMeansInit: KMeansInit,
    OnlineClustering: OnlineClustering,
    ReviveDeadCodes: lambda: ReviveDeadCodes(interval=1),
}

PENALTIES: dict[type, Callable[[], Penalty]] = {
    EntropyPenalty: EntropyPenalty,
    WassersteinPenalty: WassersteinPenalty,
}
