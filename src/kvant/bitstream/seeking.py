"""To a frame in the middle of a file, by bisection over its blocks: their frame numbers are the index."""

import io
from typing import BinaryIO

from kvant.bitstream.container import BlockType, RawBlock
from kvant.bitstream.reader import Reader
from kvant.bitstream.scanner import Scanner
from kvant.errors import UsageError


def seek(source: BinaryIO, frame: int) -> Reader:
    """A reader that yields from the block containing `frame`, or the first one after it if that block is damaged.

    `source` must be seekable and stand at the beginning of the stream. A frame past the end yields nothing. What the
    decoder needs from before `frame` is the caller's to know: nothing, from a multiple of `reset_interval` on.
    """
    if frame < 0:
        raise UsageError(f"frame is {frame}, must be 0 or more")
    begin = source.tell()
    reader = Reader(source)
    low, due = reader.bytes_read, 0  # the last block known to begin at or before `frame`
    high = source.seek(0, io.SEEK_END) - begin
    while high - low > 1:
        middle = (low + high) // 2
        source.seek(begin + middle)
        block = _next_numbered(Scanner(source, middle))
        if block is None or block.seq > frame:
            high = middle
        else:
            low, due = block.offset, block.seq
    source.seek(begin + low)
    reader.continue_at(low, due, frame)
    return reader


def _next_numbered(scanner: Scanner) -> RawBlock | None:
    """The next block whose number can be trusted: other types may carry any."""
    while block := scanner.scan():
        if block.type in (BlockType.AUDIO, BlockType.END):
            return block
    return None
