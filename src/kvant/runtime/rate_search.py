"""The limit that brings a bitrate to one recording, found by hearing it once before it is encoded.

What codes cost changes little from a limit to one near it. So at the prices of the last limit the next one is read off
the counts of all frames, and new prices are measured there: two or three times. A limit found too dear or too cheap
bounds those that follow, whatever the material is like.
"""

from collections.abc import Iterable
from math import inf
from typing import NamedTuple, cast

import numpy as np

from kvant.errors import ModelError, UsageError
from kvant.runtime.all_depths import AllDepths, limit_at, num_rows, place_of
from kvant.runtime.beam import BeamEncoder
from kvant.runtime.codec import Codec
from kvant.runtime.files import header_for
from kvant.runtime.packing import Packed
from kvant.runtime.search import check_beam
from kvant.runtime.streams import EncoderStream
from kvant.runtime.survey import Survey

NEAR = 0.005
"""Of the bitrate: near enough to stop."""
FAR = 0.03
"""Of the bitrate: missed."""
MOST_ROUNDS = 12
FAINT = 2**-12
"""Of the energy of the first level's vectors: no limit is lower, so that silence costs what it must. To the shipped
model the rounding of 16-bit recordings is an error of 0.02, and this 0.03."""


class Found(NamedTuple):
    """limit: on the squared error of frames. bitrate: bit/s per channel that it brings. exhausted: that is less than
    was asked for, and no frame has a use for more levels."""

    limit: float
    bitrate: float
    exhausted: bool


class Recording(NamedTuple):
    """blocks: of wav [C, n], all C channels at `sample_rate` Hz."""

    blocks: Iterable[np.ndarray]
    sample_rate: int
    channels: int


def find_limit(recording: Recording, codec: Codec, bitrate: float, beam: int, how: Packed) -> Found:
    """The limit that brings `bitrate` bit/s per channel to a recording in a stream packed so; memory is constant.

    UsageError: a single level a frame takes more. ModelError: the model decodes no frames of their own depth.
    """
    blocks, sample_rate, channels = recording
    encoder = _encoder(codec, beam)
    feed = codec.reach.encoder_feed(AllDepths(encoder), channels)
    stream = EncoderStream(codec, sample_rate, channels, num_rows(codec.num_codebooks), feed)
    survey = Survey(header_for(codec, sample_rate, channels, None, how), how.model)
    num_samples = 0
    for block in blocks:
        num_samples += block.shape[1]
        survey.add(stream.push(block))
    survey.add(stream.flush())
    survey.close()
    if not num_samples:
        return Found(inf, 0.0, False)
    seconds = channels * num_samples / sample_rate
    finest, one_level = survey.ends(place_of(FAINT * encoder.energy))
    place, bits = _search(survey, bitrate * seconds, finest, one_level)
    found = bits / seconds
    if place == one_level and found > (1 + FAR) * bitrate:
        raise UsageError(
            f"{bitrate / 1000:g} kbit/s: one codebook a frame, the least there is, takes {found / 1000:.2f} kbit/s of "
            "this recording; ask for as much"
        )
    return Found(limit_at(place), found, place == finest and found < (1 - FAR) * bitrate)


def _encoder(codec: Codec, beam: int) -> BeamEncoder:
    encoder = cast(BeamEncoder, codec.encoder_for(codec.num_codebooks, check_beam(beam), inf))
    if not codec.takes_absent:
        raise ModelError(f"{codec.name} decodes no frames of fewer codes than others; leave the bitrate constant")
    return encoder


def _search(survey: Survey, target: float, finest: int, coarsest: int) -> tuple[int, float]:
    """The place, of those from `finest` to `coarsest`, that costs nearest to `target` bits, and what it costs."""
    first, last = finest, coarsest
    prices, tried = survey.nominal, dict[int, float]()
    while len(tried) < MOST_ROUNDS and first <= last:
        fitting = np.flatnonzero(survey.costs(prices, first, last) <= target)
        place = first + int(fitting[0]) if len(fitting) else last
        if place in (first, last) and finest < first and last < coarsest:
            place = (first + last) // 2
        prices = survey.measured(place, prices)
        tried[place] = bits = float(survey.costs(prices, place, place)[0])
        if abs(bits - target) <= NEAR * target:
            break
        first, last = (place + 1, last) if bits > target else (first, place - 1)
    return min(tried.items(), key=lambda found: (found[1] > (1 + FAR) * target, abs(found[1] - target)))
