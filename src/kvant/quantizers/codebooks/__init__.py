"""Codebooks: V vectors of d dimensions, how they learn, and the statistics that belong to them."""

from kvant.quantizers.codebooks.affine import AffineCodebook
from kvant.quantizers.codebooks.bridged import BridgedCodebook
from kvant.quantizers.codebooks.ema import EMACodebook
from kvant.quantizers.codebooks.learned import LearnedCodebook
from kvant.quantizers.codebooks.normalized import NormalizedCodebook, NormalizedEMACodebook
from kvant.quantizers.codebooks.random_projection import RandomProjectionCodebook
from kvant.quantizers.codebooks.simvq import SimVQCodebook
from kvant.quantizers.codebooks.tracked import TrackedCodebook

CODEBOOKS = (
    LearnedCodebook,
    EMACodebook,
    NormalizedCodebook,
    NormalizedEMACodebook,
    SimVQCodebook,
    AffineCodebook,
    BridgedCodebook,
    RandomProjectionCodebook,
)

__all__ = [
    "CODEBOOKS",
    "AffineCodebook",
    "BridgedCodebook",
    "EMACodebook",
    "LearnedCodebook",
    "NormalizedCodebook",
    "NormalizedEMACodebook",
    "RandomProjectionCodebook",
    "SimVQCodebook",
    "TrackedCodebook",
]
