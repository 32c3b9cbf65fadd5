"""How a stream's codes become bytes: raw, or coded by the model's own entropy model or by counts that adapt."""

from typing import NamedTuple

from kvant.bitstream import AdaptiveCounts, EntropyModel, Packing
from kvant.runtime.codec import Codec


class Packed(NamedTuple):
    """packing: for the header. model: for the writer."""

    packing: Packing
    model: EntropyModel | None


def packed(codec: Codec, variable: bool, packing: Packing | None = None, live: bool = False) -> Packed:
    """By `packing`; if that is None, coded where depths vary, and live streams raw.

    A raw stream needs no model to be looked into. Single frames gain little by coding and wait for nothing. Frames of
    their own depth need a CODED header even if all is raw.
    """
    coded = variable and not live if packing is None else packing == Packing.CODED
    model = (codec.entropy_model or AdaptiveCounts(codec.codebook_sizes)) if coded else None
    return Packed(Packing.CODED if coded or variable else Packing.RAW, model)
