"""Blocks: the frame of sync, length, frame number and checksums that everything travels in (FORMAT.md, section 3)."""

import struct
import zlib
from enum import IntEnum
from typing import NamedTuple, Protocol

from kvant.bitstream.errors import Damaged

MAGIC = b"\x89KVT\r\n\x1a\n"
SYNC = b"\xd6K"
IGNORABLE = 0x80  # bit of the type: a reader that does not know it skips the block

_HEAD = struct.Struct("<2sBBHBIB")  # sync, type, flags, length u24 as u16 + u8, seq, CRC-8
_CRC32 = struct.Struct("<I")
HEAD_BYTES = _HEAD.size
TAIL_BYTES = _CRC32.size
MAX_PAYLOAD = 1 << 16
MAX_IGNORED_PAYLOAD = 1 << 20


class BlockType(IntEnum):
    """What a block carries. TABLES is reserved for entropy coding; META and INDEX decide nothing."""

    HEADER = 1
    AUDIO = 2
    TABLES = 3
    META = 4
    INDEX = 5
    END = 6


_NAMES = {int(block_type): block_type.name for block_type in BlockType}
_SHORT = {int(BlockType.HEADER), int(BlockType.AUDIO), int(BlockType.END)}  # types under the lower cap


class Source(Protocol):
    """Anything with `read(n)`: up to n bytes, fewer at will, none at the end."""

    def read(self, n: int, /) -> bytes: ...


class Sink(Protocol):
    """Anything with `write(data)` that takes all of it."""

    def write(self, data: bytes, /) -> object: ...


class Head(NamedTuple):
    """The 12 bytes in front of a payload."""

    type: int
    flags: int
    length: int
    seq: int


class RawBlock(NamedTuple):
    """A block whose checksums hold and whose payload nobody has looked into. `offset` is its first byte's place."""

    offset: int
    type: int
    flags: int
    seq: int
    payload: bytes


def _crc8_table() -> bytes:
    table = bytearray()
    for remainder in range(256):
        for _ in range(8):
            remainder = remainder << 1 ^ (0x12F if remainder & 0x80 else 0)
        table.append(remainder)
    return bytes(table)


_CRC8_TABLE = _crc8_table()


def crc8(data: bytes) -> int:
    """CRC-8/AUTOSAR: polynomial 0x2F, start 0xFF, final XOR 0xFF, not reflected.

    Of the 8-bit polynomials, one that notices any 3 wrong bits in up to 119: a block head with its CRC has 96.
    """
    crc = 0xFF
    for byte in data:
        crc = _CRC8_TABLE[crc ^ byte]
    return crc ^ 0xFF


def frame_block(block_type: int, seq: int, payload: bytes, flags: int = 0) -> bytes:
    """The bytes of one block. `seq` is the number of the next frame of codes, for AUDIO of its own first one."""
    head = _HEAD.pack(SYNC, block_type, flags, len(payload) & 0xFFFF, len(payload) >> 16, seq, 0)[:-1]
    body = head + bytes([crc8(head)]) + payload
    return body + _CRC32.pack(zlib.crc32(body))


def parse_head(head: bytes) -> Head:
    """The fields of 12 bytes that should begin a block; `Damaged` when they do not."""
    sync, block_type, flags, low, high, seq, crc = _HEAD.unpack(head)
    if sync != SYNC:
        raise Damaged("no block begins here")
    length = high << 16 | low
    if length > (MAX_PAYLOAD if block_type in _SHORT else MAX_IGNORED_PAYLOAD):
        raise Damaged(f"{block_name(block_type)} block claims {length} bytes, over its cap")
    if crc8(head[:-1]) != crc:
        raise Damaged("CRC-8 of the block's head does not match")
    return Head(block_type, flags, length, seq)


def crc32_holds(block: bytes) -> bool:
    """Whether a block's last 4 bytes are the CRC-32 (as in zlib) of all before them."""
    return zlib.crc32(block[:-TAIL_BYTES]) == _CRC32.unpack(block[-TAIL_BYTES:])[0]


def block_name(block_type: int) -> str:
    """`AUDIO` for 2; `type 9` for one this version does not know."""
    return _NAMES.get(block_type, f"type {block_type}")
