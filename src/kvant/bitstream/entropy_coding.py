"""Depths and levels of a block as range coded bytes, by an entropy model's frequencies (FORMAT.md, section 5.3)."""

import numpy as np

from kvant.bitstream.entropy_models import EntropyModel
from kvant.bitstream.errors import Damaged
from kvant.bitstream.range_coder import RangeDecoder, RangeEncoder, cumulative

SYMBOLS_PER_BYTE = 32
"""Denser bytes are not allowed: what a block makes of a reader's time is bounded by its bytes."""
MAX_CODED_SIZE = 1 << 13
"""Levels of larger codebooks stay raw: each code would cost a share of 2^-16 of the rest."""
_CELLS = 1 << 18  # frequencies asked of a model at once


def least_bytes(num_symbols: int) -> int:
    """The fewest bytes that may hold so many coded symbols."""
    return -(-num_symbols // SYMBOLS_PER_BYTE)


def encode_depths(model: EntropyModel, depths: np.ndarray) -> bytes:
    """Bytes of depths [C, n], channel by channel."""
    encoder = RangeEncoder()
    for channel in depths:
        _put(encoder, channel, cumulative(model.depth_frequencies(channel, range(len(channel)))))
    return encoder.finish()


def decode_depths(model: EntropyModel, data: bytes, shape: tuple[int, int]) -> np.ndarray:
    """Inverse of `encode_depths`: int64 [C, n] of that shape. `Damaged` for bytes that it would not have made."""
    _check_density(data, shape[0] * shape[1])
    decoder = RangeDecoder(data)
    depths = np.zeros(shape, np.int64)
    for channel in depths:
        for time in range(len(channel)):
            channel[time] = decoder.get(cumulative(model.depth_frequencies(channel, range(time, time + 1)))[0])
    decoder.finish()
    return depths


def encode_level(model: EntropyModel, level: int, codes: np.ndarray, depths: np.ndarray) -> bytes:
    """Bytes of the codes of one level and channel; codes [L, n], depths [n] of that channel."""
    encoder = RangeEncoder()
    frames = np.flatnonzero(depths > level)
    step = max(1, _CELLS // model.codebook_sizes[level])
    for start in range(0, len(frames), step):
        part = frames[start : start + step]
        _put(encoder, codes[level, part], cumulative(model.frequencies(level, codes, depths, part)))
    return encoder.finish()


def decode_level(model: EntropyModel, data: bytes, level: int, codes: np.ndarray, depths: np.ndarray) -> None:
    """Inverse of `encode_level`: fills in codes[level], of codes [L, n] that hold the levels before.

    `Damaged` as for `decode_depths`.
    """
    frames = np.flatnonzero(depths > level)
    _check_density(data, len(frames))
    decoder = RangeDecoder(data)
    step = 1 if model.serial[level] else max(1, _CELLS // model.codebook_sizes[level])
    for start in range(0, len(frames), step):
        part = frames[start : start + step]
        for time, starts in zip(part, cumulative(model.frequencies(level, codes, depths, part))):
            codes[level, time] = decoder.get(starts)
    decoder.finish()


def _put(encoder: RangeEncoder, symbols: np.ndarray, starts: np.ndarray) -> None:
    for symbol, row in zip(symbols.tolist(), starts):
        encoder.put(symbol, row)


def _check_density(data: bytes, num_symbols: int) -> None:
    if len(data) < least_bytes(num_symbols):
        raise Damaged(
            f"{num_symbols} coded symbols in {len(data)} bytes; at most {SYMBOLS_PER_BYTE} a byte are allowed"
        )
