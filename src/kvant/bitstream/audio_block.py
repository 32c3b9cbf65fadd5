"""The AUDIO block: some frames, one layer of bytes per slot, coarse first (FORMAT.md, section 5)."""

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
DEPTHS = 0x08
_FLAGS = {Packing.RAW: RESET, Packing.CODED: RESET | CODED | DEPTHS}
MAX_FRAMES = 65_535
MAX_CODED_FRAMES = 1_024
"""Of a block that may be coded: its bytes alone bound neither the time nor the memory that it takes."""


@dataclass(frozen=True)
class AudioBlock:
    """Frames `start` to `start + num_frames`, as bytes that nobody has looked into.

    reset: the codec's state restarts here. coded: layers and depths shorter than raw ones are range coded. depths: the
    levels of each frame, as bytes; or how many all frames have, if the block is coded; None if that is the number of
    `layers`, one per slot.
    """

    start: int
    num_frames: int
    reset: bool
    coded: bool
    depths: bytes | int | None
    layers: tuple[bytes, ...]

    @property
    def num_bytes(self) -> int:
        """Of what it says of its frames: depths and layers."""
        return sum(map(len, self.layers)) + (len(self.depths) if isinstance(self.depths, bytes) else 0)

    def cut(self, num_slots: int) -> Self:
        """The same with at most so many slots: a frame's depth is then the lesser of its own and of what is left."""
        return replace(self, layers=self.layers[:num_slots])

    def to_bytes(self) -> bytes:
        """The whole block."""
        flags = RESET * self.reset | CODED * self.coded | DEPTHS * isinstance(self.depths, bytes)
        fields = [varint(self.num_frames), bytes([len(self.layers)])]
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
        if block.flags & ~_FLAGS[header.packing]:
            raise Damaged(f"AUDIO block has reserved flags {block.flags:#04x}")
        cursor = Cursor(block.payload)
        num_frames, num_slots = cursor.varint(), cursor.byte()
        _check_frames(header, block, num_frames)
        try:
            header.check_num_codebooks(num_slots)
        except UsageError as error:
            raise Damaged(f"AUDIO block claims {error}") from error
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
        return cls(block.seq, num_frames, bool(block.flags & RESET), bool(block.flags & CODED), depths, layers)


def max_block_frames(header: Header) -> int:
    """Frames that surely fit one block: a layer takes at most its bits, a byte of padding and a length."""
    num_slots, bits = len(header.codebook_sizes), header.bits_per_frame()
    strings, most = num_slots, MAX_FRAMES
    if header.packing == Packing.CODED:
        strings, most = num_slots + 1, MAX_CODED_FRAMES
        bits += header.streams * code_width(header.num_levels + 1)
    string_bytes = MAX_PAYLOAD - VARINT_BYTES - 1 - strings * (VARINT_BYTES + 1)
    return min(most, string_bytes * 8 // bits)


def _check_frames(header: Header, block: RawBlock, num_frames: int) -> None:
    most = MAX_CODED_FRAMES if block.flags & (CODED | DEPTHS) else MAX_FRAMES
    if not 1 <= num_frames <= most:
        raise Damaged(f"AUDIO block claims {num_frames} frames, must be 1 to {most}")
    if block.seq + num_frames > 2**32 - 1:
        raise Damaged(f"AUDIO block claims frame {block.seq + num_frames}, past the last possible one")
    interval = header.reset_interval
    if interval and block.seq % interval + num_frames > interval:
        raise Damaged(f"AUDIO block runs across the reset due every {interval} frames")
    if interval and block.seq % interval == 0 and not block.flags & RESET:
        raise Damaged(f"AUDIO block lacks the flag of the reset due every {interval} frames")
