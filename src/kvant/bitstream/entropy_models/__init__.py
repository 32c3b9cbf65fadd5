"""What predicts codes, so that range coding makes fewer bytes of them. Integers only: see `EntropyModel`."""

from kvant.bitstream.entropy_models.adaptive import AdaptiveCounts
from kvant.bitstream.entropy_models.protocol import EntropyModel
from kvant.bitstream.entropy_models.tables import Tables

__all__ = ["AdaptiveCounts", "EntropyModel", "Tables"]
