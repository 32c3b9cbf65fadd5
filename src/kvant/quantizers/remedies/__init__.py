"""Remedies: interventions that keep a codebook alive."""

from kvant.quantizers.remedies.kmeans_init import KMeansInit
from kvant.quantizers.remedies.online_clustering import OnlineClustering
from kvant.quantizers.remedies.revive_dead_codes import ReviveDeadCodes

REMEDIES = (KMeansInit, ReviveDeadCodes, OnlineClustering)

__all__ = ["REMEDIES", "KMeansInit", "OnlineClustering", "ReviveDeadCodes"]
