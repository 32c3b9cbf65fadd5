"""The AUDIO block: some frames of codes, one layer of bytes per slot, coarse first (FORMAT.md, section 5)."""

import numpy as np

from kvant.bitstream.container import MAX_PAYLOAD, BlockType, RawBlock, frame_block
from kvant.bitstream.errors import Damaged
from kvant.bitstream.fields import VARINT_BYTES, Cursor, varint
from kvant.bitstream.header import Header
from kvant.bitstream.packing import pack, packed_bytes, unpack
from kvant.errors import UsageError

RESET = 0x01  # the only flag of version 1.0; bits 1 (entropy coded) and 2 (gain) are reserved
MAX_FRAMES = 65_535


def max_block_frames(header: Header) -> int:
    """Frames that surely fit one block: a layer takes at most its bits, a byte of padding and a length."""
    num_slots = len(header.codebook_sizes)
    layer_bytes = MAX_PAYLOAD - VARINT_BYTES - 1 - num_slots * (VARINT_BYTES + 1)
    return min(MAX_FRAMES, layer_bytes * 8 // header.bits_per_frame())


def layers_bits(header: Header, codes: np.ndarray) -> int:
    """Bits of the layers of a block of `codes` [K', n], padding to bytes included."""
    return 8 * sum(packed_bytes(codes.shape[1], size) for size in header.codebook_sizes[: codes.shape[0]])


def audio_block(header: Header, start: int, codes: np.ndarray, reset: bool) -> bytes:
    """The whole block of checked `codes` [K', n], whose first frame has number `start`."""
    num_codebooks, num_frames = codes.shape
    layers = [pack(layer, size) for layer, size in zip(codes, header.codebook_sizes)]
    counts = [varint(num_frames), bytes([num_codebooks]), *(varint(len(layer)) for layer in layers)]
    return frame_block(BlockType.AUDIO, start, b"".join(counts + layers), RESET if reset else 0)


def block_codes(header: Header, block: RawBlock) -> np.ndarray:
    """Codes of an AUDIO block: int64 [K', n]. `Damaged` for any block that `audio_block` would not have made."""
    if block.flags & ~RESET:
        raise Damaged(f"AUDIO block has reserved flags {block.flags:#04x}")
    cursor = Cursor(block.payload)
    num_frames = cursor.varint()
    num_codebooks = cursor.byte()
    if not 1 <= num_frames <= MAX_FRAMES:
        raise Damaged(f"AUDIO block claims {num_frames} frames, must be 1 to {MAX_FRAMES}")
    if block.seq + num_frames > 2**32 - 1:
        raise Damaged(f"AUDIO block claims frame {block.seq + num_frames}, past the last possible one")
    try:
        header.check_num_codebooks(num_codebooks)
    except UsageError as error:
        raise Damaged(f"AUDIO block claims {error}") from error
    interval = header.reset_interval
    if interval and block.seq % interval + num_frames > interval:
        raise Damaged(f"AUDIO block runs across the reset due every {interval} frames")
    if interval and block.seq % interval == 0 and not block.flags & RESET:
        raise Damaged(f"AUDIO block lacks the flag of the reset due every {interval} frames")
    lengths = [cursor.varint() for _ in range(num_codebooks)]
    if sum(lengths) != cursor.remaining:
        raise Damaged(f"layers of {sum(lengths)} bytes in a payload with {cursor.remaining} left")
    return np.stack(
        [unpack(cursor.take(length), num_frames, size) for length, size in zip(lengths, header.codebook_sizes)]
    )
