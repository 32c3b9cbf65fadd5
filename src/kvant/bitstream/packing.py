"""Codes of one slot as bits: fixed width, most significant bit first, zeros up to the byte (FORMAT.md, section 5)."""

import numpy as np

from kvant.bitstream.errors import Damaged

_WORD_BITS = 32  # a code on the way through numpy: big-endian u32, so its bits come out most significant first


def code_width(size: int) -> int:
    """Bits of one code of a codebook of `size` entries: ceil(log2 size), and at least 1.

    The one bit of a codebook with a single entry ties every frame to bytes, so that a count alone claims no memory.
    """
    return max(1, (size - 1).bit_length())


def packed_bytes(num_codes: int, size: int) -> int:
    """Bytes that `num_codes` codes of a codebook of `size` entries take."""
    return (num_codes * code_width(size) + 7) // 8


def pack(codes: np.ndarray, size: int) -> bytes:
    """Bytes of `codes` [n], integers in [0, size), size at most 2^24. The caller has checked the range."""
    bits = np.unpackbits(codes.astype(">u4").view(np.uint8).reshape(-1, 4), axis=1)
    return np.packbits(bits[:, _WORD_BITS - code_width(size) :]).tobytes()


def unpack(data: bytes, num_codes: int, size: int) -> np.ndarray:
    """Inverse of `pack`: int64 [num_codes]. `Damaged` for any bytes that `pack` would not have made."""
    width = code_width(size)
    if len(data) != packed_bytes(num_codes, size):
        raise Damaged(f"{num_codes} codes of {width} bits do not fit {len(data)} bytes")
    stream = np.unpackbits(np.frombuffer(data, np.uint8))
    if stream[num_codes * width :].any():
        raise Damaged("padding bits are not zero")
    bits = np.zeros((num_codes, _WORD_BITS), np.uint8)
    bits[:, _WORD_BITS - width :] = stream[: num_codes * width].reshape(num_codes, width)
    codes = np.packbits(bits, axis=1).view(">u4")[:, 0].astype(np.int64)
    if num_codes and codes.max() >= size:
        raise Damaged(f"code {codes.max()} in a codebook of {size} entries")
    return codes
