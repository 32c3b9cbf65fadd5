"""Codes of a block to its bytes and back: raw, or range coded where that is shorter (FORMAT.md, section 5)."""

import numpy as np

from kvant.bitstream.audio_block import AudioBlock
from kvant.bitstream.depths import ABSENT, deepened, depths_of, levels_of
from kvant.bitstream.entropy_coding import (
    MAX_CODED_SIZE,
    decode_depths,
    decode_level,
    encode_depths,
    encode_level,
    least_bytes,
)
from kvant.bitstream.entropy_models import EntropyModel
from kvant.bitstream.errors import Damaged
from kvant.bitstream.header import Header
from kvant.bitstream.packing import code_width, pack, packed_bytes, unpack


def pack_block(header: Header, start: int, codes: np.ndarray, reset: bool, model: EntropyModel | None) -> AudioBlock:
    """The block of checked `codes` [K', n], whose first frame has number `start`. Without a model all of it is raw."""
    depths = depths_of(codes, header.streams)
    num_levels = max(1, int(depths.max()))
    varied = bool((depths < num_levels).any())
    told, told_coded = b"", False
    if varied:
        told = pack(depths.ravel(), header.num_levels + 1)
        if model is not None:
            told, told_coded = _shorter(told, encode_depths(model, depths), depths.size)
    by_channel = levels_of(deepened(codes, len(header.codebook_sizes)), header.streams)
    layers = []
    for slot in range(num_levels * header.streams):
        level, channel = divmod(slot, header.streams)
        layers.append(_layer(by_channel[channel], level, depths[channel], header.codebook_sizes[slot], model))
    coded = told_coded or any(layer_coded for _, layer_coded in layers)
    shown = told if varied else num_levels if coded else None
    return AudioBlock(start, codes.shape[1], reset, coded, shown, tuple(layer for layer, _ in layers))


def _layer(
    codes: np.ndarray, level: int, depths: np.ndarray, size: int, model: EntropyModel | None
) -> tuple[bytes, bool]:
    """Bytes of a level of a channel, codes [L, n], and whether they are coded."""
    present = codes[level, depths > level]
    raw = pack(present, size)
    if model is None or size > MAX_CODED_SIZE:
        return raw, False
    return _shorter(raw, encode_level(model, level, codes, depths), len(present))


def _shorter(raw: bytes, coded: bytes, num_symbols: int) -> tuple[bytes, bool]:
    """The shorter, and whether it is the coded one, which must not be too dense for a reader."""
    return (coded, True) if least_bytes(num_symbols) <= len(coded) < len(raw) else (raw, False)


def unpack_block(header: Header, block: AudioBlock, model: EntropyModel | None) -> np.ndarray:
    """Codes int64 [k, n] of a block, some of them absent. A coded block needs the model that coded it.

    `Damaged` for layers that `pack_block` would not have made.
    """
    num_slots, streams = len(block.layers), header.streams
    depths = _depths(header, block, model)
    levels = header.num_levels if block.coded else num_slots // streams  # a model sees those that are not there, too
    codes = np.full((streams, levels, block.num_frames), ABSENT, np.int64)
    for slot, (data, size) in enumerate(zip(block.layers, header.codebook_sizes)):
        level, channel = divmod(slot, streams)
        present = depths[channel] > level
        count = int(present.sum())
        raw_bytes = packed_bytes(count, size)
        if block.coded and len(data) < raw_bytes and size <= MAX_CODED_SIZE:
            assert model is not None
            decode_level(model, data, level, codes[channel], depths[channel])
        elif len(data) == raw_bytes:
            codes[channel, level, present] = unpack(data, count, size)
        else:
            raise Damaged(f"{count} codes of {code_width(size)} bits do not fit {len(data)} bytes")
    return codes.swapaxes(0, 1).reshape(-1, block.num_frames)[:num_slots]


def _depths(header: Header, block: AudioBlock, model: EntropyModel | None) -> np.ndarray:
    """[C, n] as they were when the block was made; layers that were dropped since count."""
    shape = (header.streams, block.num_frames)
    if not isinstance(block.depths, bytes):
        return np.full(shape, len(block.layers) // header.streams if block.depths is None else block.depths)
    count, size = header.streams * block.num_frames, header.num_levels + 1
    if block.coded and len(block.depths) < packed_bytes(count, size):
        assert model is not None
        return decode_depths(model, block.depths, shape)
    return unpack(block.depths, count, size).reshape(shape)
