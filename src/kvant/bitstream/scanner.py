"""Whole blocks out of a byte source, and the way back to them after damage (FORMAT.md, section 7)."""

from kvant.bitstream.container import (
    HEAD_BYTES,
    MAGIC,
    MAX_IGNORED_PAYLOAD,
    SYNC,
    TAIL_BYTES,
    BlockType,
    RawBlock,
    Source,
    block_name,
    crc32_holds,
    parse_head,
)
from kvant.bitstream.errors import Damaged, NotKvt, Truncated

_READ_BYTES = 1 << 16  # one read asks for no more, so a length claims no memory before its bytes are there

# Heads can be forged to overlap, each claiming 64 KiB to be checked for its 12 bytes. Blocks that were only damaged do
# not overlap, so checking them costs each byte about once; past this many times the search is given up.
_CHECKS_PER_BYTE = 8


class Scanner:
    """Blocks of `source` in order, reading only the bytes of the block it returns. `offset`: place of the next byte."""

    def __init__(self, source: Source, offset: int = 0) -> None:
        self.offset = offset
        self._source = source
        self._begin = offset
        self._buffer = bytearray()
        self._ended = False
        self._lost = False
        self._checked_in_vain = 0

    @property
    def received(self) -> int:
        """Place of the next byte the source will give."""
        return self.offset + len(self._buffer)

    def take(self, count: int) -> bytes:
        """The next `count` bytes, or all that are left if those are fewer."""
        self._fill(count)
        taken = bytes(self._buffer[:count])
        self._discard(len(taken))
        return taken

    def header_block(self) -> RawBlock:
        """The HEADER block behind the magic, where the stream begins; raises if there is no telling what it holds."""
        magic = self.take(len(MAGIC))
        if not MAGIC.startswith(magic):
            raise NotKvt(
                f"not a .kvt stream: begins with {magic.hex(' ')}, not {MAGIC.hex(' ')}; "
                "if it was one, a transfer in text mode has changed it"
            )
        try:
            block = self.next_block()
            if block is None:
                raise Truncated("the stream ends before it")
            if block.type != BlockType.HEADER:
                raise Damaged(f"an {block_name(block.type)} block is in its place")
        except Damaged as error:
            raise type(error)(
                f"HEADER at byte {len(MAGIC)} cannot be read: {error}; without it no block can, fetch the stream again"
            ) from error
        return block

    def next_block(self) -> RawBlock | None:
        """The next whole block; None at the end of the source.

        Raises `Damaged` once where the chain of blocks breaks. The call after that finds the next whole block.
        """
        if self._lost:
            self._discard(1)
            return self.scan()
        if not self._fill(1):
            return None
        self._lost = True
        block = self._block()
        self._lost = False
        return block

    def scan(self) -> RawBlock | None:
        """The first whole block that begins here or later: sync, CRC-8 and CRC-32 all hold. None if there is none.

        Raises `Damaged`, and ends, if the search was led on by forged heads.
        """
        while self._fill(HEAD_BYTES):
            if self._checked_in_vain > _CHECKS_PER_BYTE * (self.received - self._begin) + MAX_IGNORED_PAYLOAD:
                self._ended = True
                self._buffer.clear()
                raise Damaged("more false block heads than damage can make: the search for whole blocks was given up")
            found = self._buffer.find(SYNC)
            if found < 0:
                self._discard(len(self._buffer) - 1)  # the last byte may be the first half of a sync
                continue
            self._discard(found)
            try:
                block = self._block()
            except Damaged:
                self._discard(1)
                continue
            self._lost = False
            return block
        return None

    def _block(self) -> RawBlock:
        """The block that begins here; on `Damaged` nothing is consumed."""
        if not self._fill(HEAD_BYTES):
            raise Truncated("the stream ends inside the head of a block")
        head = parse_head(bytes(self._buffer[:HEAD_BYTES]))
        size = HEAD_BYTES + head.length + TAIL_BYTES
        if not self._fill(size):
            raise Truncated(
                f"the stream ends {size - len(self._buffer)} bytes before the {block_name(head.type)} block"
            )
        block = bytes(self._buffer[:size])
        if not crc32_holds(block):
            self._checked_in_vain += size
            raise Damaged(f"CRC-32 of the {block_name(head.type)} block does not match")
        offset = self.offset
        self._discard(size)
        return RawBlock(offset, head.type, head.flags, head.seq, block[HEAD_BYTES:-TAIL_BYTES])

    def _fill(self, count: int) -> bool:
        """Read until `count` bytes are buffered; False if the source ends before."""
        while len(self._buffer) < count and not self._ended:
            chunk = self._source.read(min(count - len(self._buffer), _READ_BYTES))
            self._ended = not chunk
            self._buffer += chunk
        return len(self._buffer) >= count

    def _discard(self, count: int) -> None:
        del self._buffer[:count]
        self.offset += count
