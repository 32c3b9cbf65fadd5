"""A model at a variable bitrate, through a stream: what counts are the bits it takes, not those that were asked for."""

import io
from dataclasses import dataclass

import numpy as np

from kvant.bitstream import Writer, read_codes
from kvant.errors import UsageError
from kvant.evaluation.alignment import Array
from kvant.evaluation.neural import natural_depths, open_codec
from kvant.evaluation.system import Coded
from kvant.runtime import Codec, Codes
from kvant.runtime.files import header_for, slots
from kvant.runtime.packing import packed
from kvant.runtime.playback import channels


@dataclass(frozen=True)
class Variable:
    """A model whose frames get the levels they need, `bitrate` bit/s on average over ordinary speech.

    model: as for `open_codec`. beam, refine: as for `Codec.encode`. The payload is that of the stream's blocks: depths,
    and codes as its entropy model makes them, decoded again from there.
    """

    model: str
    bitrate: float
    beam: int = 1
    refine: int = 0

    def encode(self, wav: Array, sample_rate: int) -> Coded:
        codec = open_codec(self.model)
        codes = codec.encode(wav[None], sample_rate, None, self.beam, codec.limit(self.bitrate), self.refine).codes
        how = packed(codec, variable=True)
        sink = io.BytesIO()
        writer = Writer(sink, header_for(codec, sample_rate, 1, len(wav), how), None, how.model)
        writer.write(slots(codes))
        writer.close(len(wav))
        return Coded(sink.getvalue(), writer.payload_bits, sample_rate, len(wav))

    def decode(self, coded: Coded) -> Array:
        codec = open_codec(self.model)
        _, codes = read_codes(io.BytesIO(coded.content), packed(codec, variable=True).model)
        return np.asarray(codec.decode(Codes(channels(codes, 1), coded.sample_rate, coded.num_samples))[0])


def variable_rates(codec: Codec, bitrates: list[float] | None) -> list[float]:
    """`bitrates` in bit/s, ascending; for None those of the natural depths that the model has limits for.

    None at all of a model without limits. UsageError: a bitrate beyond them.
    """
    if "variable" not in codec.metadata:
        return []
    if bitrates is not None:
        for bitrate in bitrates:
            codec.limit(bitrate)
        return sorted(set(bitrates))
    natural = [codec.bitrate(depth) for depth in natural_depths(codec)]
    return [bitrate for bitrate in natural if _reached(codec, bitrate)]


def _reached(codec: Codec, bitrate: float) -> bool:
    try:
        codec.limit(bitrate)
    except UsageError:
        return False
    return True
