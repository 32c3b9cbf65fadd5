"""Penalties: losses that keep a codebook alive."""

from kvant.quantizers.penalties.entropy import EntropyPenalty
from kvant.quantizers.penalties.wasserstein import WassersteinPenalty

PENALTIES = (EntropyPenalty, WassersteinPenalty)

__all__ = ["PENALTIES", "EntropyPenalty", "WassersteinPenalty"]
