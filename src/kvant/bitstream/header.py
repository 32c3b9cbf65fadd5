"""The HEADER block: which model, which rates, which codebooks (FORMAT.md, section 4)."""

import struct
from dataclasses import dataclass
from typing import Self

from kvant.bitstream.errors import InvalidHeader, UnsupportedVersion
from kvant.bitstream.fields import Cursor
from kvant.bitstream.header_extensions import extensions, read_extensions
from kvant.bitstream.header_values import (
    DIGEST_BYTES,
    NO_TABLES,
    RANGES,
    UNKNOWN_SAMPLES,
    Layout,
    Packing,
    check_digests,
    check_model_id,
    check_packing,
    check_range,
    check_segments,
)
from kvant.bitstream.packing import code_width
from kvant.errors import UsageError

MAJOR = 1
_SIGNAL = struct.Struct("<IIBBQII")  # codec_rate, source_rate, channels, layout, num_samples, hop_length, pre_skip
_CODING = struct.Struct("<IB32sB")  # reset_interval, packing, table digest, numeric profile
_MINOR_WITH_SEGMENTS = 2


@dataclass(frozen=True)
class Header:
    """What a reader must know before the first frame (FORMAT.md, section 4). `UsageError` for values outside the caps.

    The digests are SHA-256, 32 bytes; rates are in Hz. `num_samples`: per channel at `source_rate`, None = unknown, see
    END. `hop_length` and `pre_skip` (decoded samples to drop at the start): samples at `codec_rate`. `codebook_sizes`:
    one per slot, coarse first. `strides`: latent frames that a code of each slot spans (SNAC's vq_strides), all 1 if
    not given. `reset_interval`: frames after which the codec starts afresh, 0 = never. `table_digest`: of the entropy
    model that coded blocks need, zeros for counts that adapt; RAW has none. `segment_stride`: samples at `codec_rate`
    from one segment's beginning to the next's, each a block of up to `reset_interval` frames; 0 = no segments.
    """

    model_id: str
    decoder_digest: bytes
    encoder_digest: bytes
    codec_rate: int
    source_rate: int
    channels: int
    layout: Layout
    num_samples: int | None
    hop_length: int
    pre_skip: int
    codebook_sizes: tuple[int, ...]
    strides: tuple[int, ...] = ()
    reset_interval: int = 0
    packing: Packing = Packing.RAW
    table_digest: bytes = NO_TABLES
    segment_stride: int = 0

    def __post_init__(self) -> None:
        for name, (lowest, highest) in RANGES.items():
            check_range(name, getattr(self, name), lowest, highest)
        check_range("number of codebooks", len(self.codebook_sizes), 1, 64)
        for size in self.codebook_sizes:
            check_range("codebook size", size, 1, 2**24)
        strides = tuple(self.strides) or (1,) * len(self.codebook_sizes)
        for stride in strides:
            check_range("stride", stride, 1, 255)
        if self.num_samples is not None:
            check_range("num_samples", self.num_samples, 0, UNKNOWN_SAMPLES - 1)
        if len(strides) != len(self.codebook_sizes):
            raise UsageError(f"{len(strides)} strides for {len(self.codebook_sizes)} codebooks; give one each")
        check_digests(self.decoder_digest, self.encoder_digest, self.table_digest)
        check_model_id(self.model_id)
        check_packing(self.packing, self.table_digest)
        if self.segment_stride:
            check_segments(self.reset_interval * self.hop_length, self.segment_stride)
        if self.layout not in list(Layout):
            raise UsageError(f"layout {self.layout} is not one of {[int(layout) for layout in Layout]}")
        # what was given as lists, numpy integers or a plain 0 or 1
        object.__setattr__(self, "codebook_sizes", tuple(map(int, self.codebook_sizes)))
        object.__setattr__(self, "strides", tuple(map(int, strides)))
        object.__setattr__(self, "layout", Layout(self.layout))
        object.__setattr__(self, "packing", Packing(self.packing))
        self.check_num_codebooks(len(self.codebook_sizes))
        alike = tuple(size for size in self.level_sizes for _ in range(self.streams)) == self.codebook_sizes
        if self.packing == Packing.CODED and not alike:
            raise UsageError("to be coded, a level must have codebooks of one size in all channels")

    @property
    def streams(self) -> int:
        """Slots of a level: one for each channel that is coded by itself."""
        return self.channels if self.layout == Layout.STREAMS else 1

    @property
    def num_levels(self) -> int:
        """Levels of a frame, each of `streams` slots."""
        return len(self.codebook_sizes) // self.streams

    @property
    def level_sizes(self) -> tuple[int, ...]:
        """Of the codebook of each level, where all channels have the same."""
        return self.codebook_sizes[:: self.streams]

    @property
    def frame_rate(self) -> float:
        """Frames per second, Hz; with segments, those of both where two overlap."""
        return self.codec_rate * self.spanned(1) / (self.segment_stride or self.hop_length)

    def spanned(self, num_frames: int) -> int:
        """Frame numbers that a block takes up: as many as it has frames, or all of its segment."""
        return self.reset_interval if self.segment_stride else num_frames

    def check_num_codebooks(self, num_codebooks: int) -> None:
        """`UsageError` unless a frame may hold `num_codebooks` slots: 1 to K, in STREAMS equally many per channel."""
        step = self.streams
        if not 1 <= num_codebooks <= len(self.codebook_sizes) or num_codebooks % step:
            which = f"a multiple of {step} channels " if step > 1 else ""
            raise UsageError(f"{num_codebooks} codebooks; must be {which}from 1 to {len(self.codebook_sizes)}")

    def bits_per_frame(self, num_codebooks: int | None = None) -> int:
        """Bits of the codes of one frame, of its first `num_codebooks` slots if given."""
        if num_codebooks is not None:
            self.check_num_codebooks(num_codebooks)
        return sum(map(code_width, self.codebook_sizes[:num_codebooks]))

    def bitrate(self, num_codebooks: int | None = None) -> float:
        """Rate of the codes in bit/s, without padding and framing."""
        return self.bits_per_frame(num_codebooks) * self.frame_rate

    def to_bytes(self) -> bytes:
        """The payload of the HEADER block."""
        model_id = self.model_id.encode()
        num_samples = UNKNOWN_SAMPLES if self.num_samples is None else self.num_samples
        return b"".join(
            [
                bytes([MAJOR, _MINOR_WITH_SEGMENTS if self.segment_stride else self.packing]),
                self.decoder_digest,
                self.encoder_digest,
                bytes([len(model_id)]),
                model_id,
                _SIGNAL.pack(
                    self.codec_rate,
                    self.source_rate,
                    self.channels,
                    self.layout,
                    num_samples,
                    self.hop_length,
                    self.pre_skip,
                ),
                bytes([len(self.codebook_sizes)]),
                # size - 1, so that 2^24 fits
                *((size - 1).to_bytes(3, "little") + bytes([s]) for size, s in zip(self.codebook_sizes, self.strides)),
                _CODING.pack(self.reset_interval, self.packing, self.table_digest, 0),
                extensions(self.segment_stride),
            ]
        )

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Inverse of `to_bytes`; extensions of later minor versions are skipped if they allow it.

        Raises `UnsupportedVersion`, `InvalidHeader` (a field outside its cap) or `Damaged` (ends too early).
        """
        cursor = Cursor(payload)
        major, minor = cursor.take(2)
        if major != MAJOR:
            raise UnsupportedVersion(f"stream is version {major}.{minor}, this reader knows {MAJOR}; update kvant")
        decoder_digest, encoder_digest = cursor.take(DIGEST_BYTES), cursor.take(DIGEST_BYTES)
        name = cursor.take(cursor.byte())
        codec_rate, source_rate, channels, layout, num_samples, hop_length, pre_skip = _SIGNAL.unpack(
            cursor.take(_SIGNAL.size)
        )
        slots = [cursor.take(4) for _ in range(cursor.byte())]
        reset_interval, packing, tables, profile = _CODING.unpack(cursor.take(_CODING.size))
        if packing not in list(Packing) or profile or (packing == Packing.RAW and tables != NO_TABLES):
            raise UnsupportedVersion(f"stream uses packing {packing}, which this reader does not know; update kvant")
        segment_stride = read_extensions(cursor, f"{major}.{minor}")
        try:
            return cls(
                model_id=name.decode(),
                decoder_digest=decoder_digest,
                encoder_digest=encoder_digest,
                codec_rate=codec_rate,
                source_rate=source_rate,
                channels=channels,
                layout=layout,
                num_samples=None if num_samples == UNKNOWN_SAMPLES else num_samples,
                hop_length=hop_length,
                pre_skip=pre_skip,
                codebook_sizes=tuple(1 + int.from_bytes(slot[:3], "little") for slot in slots),
                strides=tuple(slot[3] for slot in slots),
                reset_interval=reset_interval,
                packing=packing,
                table_digest=tables,
                segment_stride=segment_stride,
            )
        except ValueError as error:  # UsageError or UnicodeDecodeError
            raise InvalidHeader(f"HEADER is not usable: {error}") from error
