"""Remedies: interventions that keep a codebook alive."""

from kvant.quantizers.remedies.kmeans_init import KMeansInit
from kvant.quantizers.remedies.revive_dead_codes import ReviveDeadCodes

REMEDIES = (KMeansInit, ReviveDeadCodes)

__all__ = ["REMEDIES", "KMeansInit", "ReviveDeadCodes"]
