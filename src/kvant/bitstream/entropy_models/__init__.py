"""What predicts codes, so that range coding makes fewer bytes of them. Integers only: see `EntropyModel`."""

from kvant.bitstream.entropy_models.protocol import EntropyModel

__all__ = ["EntropyModel"]
