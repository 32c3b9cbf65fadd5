"""A lower bitrate from a finished stream: trailing layers dropped, no model needed (FORMAT.md, section 8)."""

from collections.abc import Callable

from kvant.bitstream.block import Block
from kvant.bitstream.container import MAGIC, BlockType, Sink, Source, frame_block
from kvant.bitstream.end import LEVEL_DIGEST_BYTES, codes_hash
from kvant.bitstream.header import Header
from kvant.bitstream.header_values import Packing
from kvant.bitstream.reader import Reader

_KEPT = (BlockType.META, BlockType.TABLES)  # INDEX and unknown blocks may speak of bytes that are no longer there


def truncate(source: Source, sink: Sink, num_codebooks: int | Callable[[Header], int]) -> None:
    """Copy a stream with at most the first `num_codebooks` slots of every frame, block by block.

    A function decides the number by the header, which of a pipe cannot be read twice.
    The header stays as it is, END counts and hashes the codes that remain. Of raw streams the bytes are those of
    writing these codes directly; coded layers are kept unread, with the depths as they were, of which each now counts
    at most what is left. `UsageError`, before anything is written, for a number the stream cannot have; `Damaged` at
    the first damage, with everything before it written and no END.
    """
    reader = Reader(source, strict=True)
    header = reader.header
    kept = num_codebooks(header) if callable(num_codebooks) else num_codebooks
    header.check_num_codebooks(kept)
    sink.write(MAGIC + frame_block(BlockType.HEADER, 0, reader.header_block.payload))
    raw_hash = codes_hash(header)
    for block in reader.blocks():
        if isinstance(block, Block):
            if header.packing == Packing.RAW:
                raw_hash.update(block.codes[:kept], block.audio.gain_bytes)
            sink.write(block.audio.cut(kept).to_bytes())
        elif block.type in _KEPT:
            sink.write(frame_block(block.type, block.seq, block.payload, block.flags))
    assert reader.end is not None  # a strict reader has raised otherwise
    levels_digest = reader.end.codes_digest[: LEVEL_DIGEST_BYTES * (kept // header.streams)]
    digest = raw_hash.digest() if header.packing == Packing.RAW else levels_digest
    sink.write(reader.end._replace(codes_digest=digest).to_block())
