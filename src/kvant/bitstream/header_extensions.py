"""What minor versions append to a HEADER: tag, length, bytes (FORMAT.md, sections 4.1 and 10)."""

import struct

from kvant.bitstream.errors import InvalidHeader, UnsupportedVersion
from kvant.bitstream.fields import Cursor

SEGMENTS = 1
SKIPPABLE = 0x80
_TLV = struct.Struct("<BH")  # tag, length
_STRIDE = struct.Struct("<I")


def extensions(segment_stride: int) -> bytes:
    """Their bytes: none without segments."""
    return _TLV.pack(SEGMENTS, _STRIDE.size) + _STRIDE.pack(segment_stride) if segment_stride else b""


def read_extensions(cursor: Cursor, version: str) -> int:
    """The stride of segments, 0 without, from what is left of a HEADER; what may be skipped is.

    `UnsupportedVersion`: one that may not be. `InvalidHeader`: segments told of twice, or otherwise than they must be.
    """
    stride = 0
    while cursor.remaining:
        tag, length = _TLV.unpack(cursor.take(_TLV.size))
        value = cursor.take(length)
        if tag == SEGMENTS:
            if stride or length != _STRIDE.size or not any(value):
                raise InvalidHeader("HEADER must tell of segments once, in 4 bytes that are not all 0")
            (stride,) = _STRIDE.unpack(value)
        elif tag < SKIPPABLE:
            raise UnsupportedVersion(f"stream {version} needs header extension {tag}; update kvant")
    return stride
