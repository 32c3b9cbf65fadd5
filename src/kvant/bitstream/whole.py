"""All codes of a stream that must be whole."""

import numpy as np

from kvant.bitstream.container import Source
from kvant.bitstream.depths import deepened
from kvant.bitstream.entropy_models import EntropyModel
from kvant.bitstream.errors import MixedDepth
from kvant.bitstream.header import Header
from kvant.bitstream.header_values import Packing
from kvant.bitstream.reader import Reader


def read_codes(source: Source, model: EntropyModel | None = None) -> tuple[Header, np.ndarray]:
    """Header and all codes, int64 [K', T], of a stream that must be whole: raises at the first damage.

    model: as for `Reader.use`. Codes that a frame does not have are ABSENT; a raw stream must have one depth.
    """
    reader = Reader(source, strict=True)
    reader.use(model)
    blocks = [block.codes for block in reader]
    depths = {len(codes) for codes in blocks} or {len(reader.header.codebook_sizes)}
    if len(depths) > 1 and reader.header.packing == Packing.RAW:
        raise MixedDepth(f"stream has blocks of {sorted(depths)} codebooks; truncate it to {min(depths)} first")
    deepest = max(depths)
    whole = [deepened(codes, deepest) for codes in blocks]
    return reader.header, np.concatenate([np.empty((deepest, 0), np.int64), *whole], axis=1)
