"""The AUDIO block: some frames, one layer of bytes per slot, coarse first (FORMAT.md, section 5)."""

import struct
from dataclasses import dataclass, replace
from typing import Self

from kvant.bitstream.container import MAX_PAYLOAD, BlockType, RawBlock, frame_block
from kvant.bitstream.errors import Damaged
from kvant.bitstream.fields import VARINT_BYTES, Cursor, varint
from kvant.bitstream.header import Header
from kvant.bitstream.header_values import Packing
from kvant.bitstream.packing import code_width
from kvant.errors import UsageError

RESET = 0x01
CODED = 0x02
GAIN = 0x04
DEPTHS = 0x08
_FLAGS = {Packing.RAW: RESET, Packing.CODED: RESET | CODED | DEPTHS}
MAX_FRAMES = 65_535
MAX_CODED_FRAMES = 1_024
"""Of a block that may be coded: its bytes alone bound neither the time nor the memory that it takes."""
MAX_GAIN = 65_536.0
_GAIN = struct.Struct("<f")
_GAIN_BITS = int.from_bytes(_GAIN.pack(MAX_GAIN), "little")


@dataclass(frozen=True)
class AudioBlock:
    """Frames `start` to `start + num_frames`, as bytes that nobody has looked into.

    reset: the codec's state restarts here. coded: layers and depths shorter than raw ones are range coded. depths: the
    levels of each frame, as bytes; or how many all frames have, if the block is coded; None if that is the number of
    `layers`, one per slot. gain: of a segment, what its decoded samples are multiplied by; None without segments.
    """

    start: int
    num_frames: int
    reset: bool
    coded: bool
    depths: bytes | int | None
    layers: tuple[bytes, ...]
    gain: float | None = None

    @property
    def gain_bytes(self) -> bytes:
        """The gain as f32; none without."""
        return b"" if self.gain is None else _GAIN.pack(self.gain)

    @property
    def num_bytes(self) -> int:
        """Of what it says of its frames: gain, depths, layers."""
        depths = len(self.depths) if isinstance(self.depths, bytes) else 0
        return len(self.gain_bytes) + depths + sum(map(len, self.layers))

    def cut(self, num_slots: int) -> Self:
        """The same with at most so many slots: a frame's depth is then the lesser of its own and of what is left."""
        return replace(self, layers=self.layers[:num_slots])

    def to_bytes(self) -> bytes:
        """The whole block."""
        flags = RESET * self.reset | CODED * self.coded | DEPTHS * isinstance(self.depths, bytes)
        flags |= GAIN * (self.gain is not None)
        fields = [varint(self.num_frames), bytes([len(self.layers)]), self.gain_bytes]
        match self.depths:
            case bytes():
                fields += [varint(len(self.depths)), self.depths]
            case int():
                fields.append(bytes([self.depths]))
        fields += map(varint, map(len, self.layers))
        return frame_block(BlockType.AUDIO, self.start, b"".join([*fields, *self.layers]), flags)

    @classmethod
    def from_raw(cls, header: Header, block: RawBlock) -> Self:
        """The fields of an AUDIO block. `Damaged`: they are outside their ranges or contradict each other."""
        gained = GAIN * bool(header.segment_stride)
        if block.flags & ~(_FLAGS[header.packing] | gained):
            raise Damaged(f"AUDIO block has reserved flags {block.flags:#04x}")
        if gained & ~block.flags:
            raise Damaged("AUDIO block lacks the gain of its segment")
        cursor = Cursor(block.payload)
        num_frames, num_slots = cursor.varint(), cursor.byte()
        _check_frames(header, block, num_frames)
        try:
            header.check_num_codebooks(num_slots)
        except UsageError as error:
            raise Damaged(f"AUDIO block claims {error}") from error
        gain = _gain(cursor.take(_GAIN.size)) if gained else None
        depths: bytes | int | None = None
        if block.flags & DEPTHS:
            depths = cursor.take(cursor.varint())
        elif block.flags & CODED:
            depths = cursor.byte()
            if not num_slots <= depths * header.streams <= len(header.codebook_sizes):
                raise Damaged(f"AUDIO block claims {num_slots} slots and frames of {depths} levels")
        lengths = [cursor.varint() for _ in range(num_slots)]
        if sum(lengths) != cursor.remaining:
            raise Damaged(f"layers of {sum(lengths)} bytes in a payload with {cursor.remaining} left")
        layers = tuple([cursor.take(length) for length in lengths])
        return cls(block.seq, num_frames, bool(block.flags & RESET), bool(block.flags & CODED), depths, layers, gain)


def max_block_frames(header: Header) -> int:
    """Frames that surely fit one block: a layer takes at most its bits, a byte of padding and a length."""
    num_slots, bits = len(header.codebook_sizes), header.bits_per_frame()
    strings, most = num_slots, MAX_FRAMES
    if header.packing == Packing.CODED:
        strings, most = num_slots + 1, MAX_CODED_FRAMES
        bits += header.streams * code_width(header.num_levels + 1)
    gain_bytes = _GAIN.size * bool(header.segment_stride)
    string_bytes = MAX_PAYLOAD - VARINT_BYTES - 1 - gain_bytes - strings * (VARINT_BYTES + 1)
    return min(most, string_bytes * 8 // bits)


def _gain(field: bytes) -> float:
    """`Damaged`: beyond its range, or no number. Of f32 from 0 on, the greater has the greater bits."""
    gain: float = _GAIN.unpack(field)[0]
    if int.from_bytes(field, "little") > _GAIN_BITS:
        raise Damaged(f"AUDIO block claims a gain of {gain}, must be 0 to {MAX_GAIN:g}")
    return gain


def _check_frames(header: Header, block: RawBlock, num_frames: int) -> None:
    most = MAX_CODED_FRAMES if block.flags & (CODED | DEPTHS) else MAX_FRAMES
    if not 1 <= num_frames <= most:
        raise Damaged(f"AUDIO block claims {num_frames} frames, must be 1 to {most}")
    last = block.seq + header.spanned(num_frames)
    if last > 2**32 - 1:
        raise Damaged(f"AUDIO block claims frame {last}, past the last possible one")
    interval = header.reset_interval
    if header.segment_stride and block.seq % interval:
        raise Damaged(f"AUDIO block begins within a segment of {interval} frames")
    if interval and block.seq % interval + num_frames > interval:
        raise Damaged(f"AUDIO block runs across the reset due every {interval} frames")
    if interval and block.seq % interval == 0 and not block.flags & RESET:
        raise Damaged(f"AUDIO block lacks the flag of the reset due every {interval} frames")
