"""Streams of segments: each a block with a gain, and no bit of it less safe than any other."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvant.bitstream import (
    AdaptiveCounts,
    InvalidHeader,
    Packing,
    Reader,
    Writer,
    info,
    read_codes,
    seek,
    truncate,
    verify,
)
from kvant.bitstream.audio_block import GAIN, RESET
from kvant.bitstream.container import HEAD_BYTES, MAGIC, BlockType, frame_block
from kvant.errors import BitstreamError, UsageError

WHOLE = 15
"""Frames of a whole segment: 4,800 samples, one begins every 4,752."""


@pytest.fixture(params=Packing, ids=lambda packing: packing.name)
def header(request, make_header):
    return make_header(codec_rate=48_000, channels=2, reset_interval=WHOLE, segment_stride=4752, packing=request.param)


def parts_of(codes):
    """Cut as segments are; the end of the signal cuts the last two short."""
    return np.split(codes, [*range(WHOLE, codes.shape[1] - 2, WHOLE), codes.shape[1] - 1], axis=1)


def stream_of(header, parts, gains):
    sink = io.BytesIO()
    with Writer(sink, header, None, AdaptiveCounts(header.level_sizes) if header.packing else None) as writer:
        for part, gain in zip(parts, gains, strict=True):
            writer.write_segment(part, gain)
    return sink.getvalue()


@pytest.fixture
def written(header, make_codes):
    """(stream, its segments, their gains): three whole ones, one of 14 frames, one of one."""
    parts = parts_of(make_codes(header, 60))
    assert [part.shape[1] for part in parts] == [15, 15, 15, 14, 1]
    gains = [0.25, 1e-8, 0.0, 1.0, 65536.0]
    return stream_of(header, parts, gains), parts, gains


def framed(blocks):
    return MAGIC + b"".join(frame_block(block.type, block.seq, block.payload, block.flags) for block in blocks)


@settings(max_examples=30)
@given(data=st.data(), packing=st.sampled_from(Packing))
def test_whatever_is_written_comes_back(make_header, data, packing):
    """Whole, cut to fewer codebooks, and from the middle on."""
    header = make_header(reset_interval=WHOLE, segment_stride=4700, packing=packing)
    lengths = data.draw(st.lists(st.integers(1, WHOLE), min_size=0, max_size=5))
    gains = [data.draw(st.floats(0, 65536, width=32)) for _ in lengths]
    rng = np.random.default_rng(len(lengths))
    parts = [np.stack([rng.integers(size // 9 + 1, size=n) for size in header.codebook_sizes]) for n in lengths]
    stream = stream_of(header, parts, gains)
    reader = Reader(io.BytesIO(stream))
    assert reader.header == header
    blocks = list(reader)
    assert [(block.start, block.gain) for block in blocks] == [(WHOLE * i, gain) for i, gain in enumerate(gains)]
    for block, part in zip(blocks, parts, strict=True):
        np.testing.assert_array_equal(block.codes, part)
    assert verify(io.BytesIO(stream)).ok
    lower = io.BytesIO()
    truncate(io.BytesIO(stream), lower, 2)
    assert verify(io.BytesIO(lower.getvalue())).ok
    assert [block.gain for block in Reader(io.BytesIO(lower.getvalue()))] == gains
    if packing == Packing.RAW:
        assert lower.getvalue() == stream_of(header, [part[:2] for part in parts], gains)
    for frame in range(0, WHOLE * len(parts), 4):
        found = next(iter(seek(io.BytesIO(stream), frame)))
        assert found.start == frame - frame % WHOLE
        np.testing.assert_array_equal(found.codes, parts[frame // WHOLE])


def test_bytes_of_a_segment(make_header, split):
    """The gain stands behind the numbers of frames and slots; the header tells the stride."""
    header = make_header(reset_interval=WHOLE, segment_stride=4752)
    stream = stream_of(header, [np.array([[1, 2, 1023], [999, 0, 512]])], [0.25])
    first, audio, end = split(stream)
    assert first.payload[:2] == b"\x01\x02"
    assert first.payload[-7:] == b"\x01" + struct.pack("<HI", 4, 4752)
    assert (audio.flags, audio.seq) == (RESET | GAIN, 0)
    assert audio.payload.hex() == "0302" + "0000803e" + "0404" + "00402ffc" + "f9c00800"
    assert end.payload[:8] == struct.pack("<Q", WHOLE)


def test_without_segments_nothing_is_told_of_them(make_header):
    plain = make_header(reset_interval=WHOLE).to_bytes()
    told = make_header(reset_interval=WHOLE, segment_stride=4752).to_bytes()
    assert told[2:] == plain[2:] + b"\x01\x04\x00" + struct.pack("<I", 4752)


def test_every_flip_of_a_bit_and_every_burst_is_noticed_and_costs_one_segment(written):
    stream, parts, gains = written
    first = stream.index(b"\xd6K\x02")
    value = int.from_bytes(stream, "little")
    rng = np.random.default_rng(0)
    errors = [(1, bit) for bit in range(8 * len(stream))]
    for _ in range(1000):
        length = int(rng.integers(2, 33))
        burst = int(rng.integers(2**length)) | 1 | 1 << length - 1
        errors.append((burst, int(rng.integers(8 * len(stream) - length))))
    for burst, bit in errors:
        damaged = (value ^ burst << bit).to_bytes(len(stream), "little")
        if bit < 8 * first:
            with pytest.raises(BitstreamError):
                Reader(io.BytesIO(damaged))
            continue
        assert not verify(io.BytesIO(damaged)).ok
        reader = Reader(io.BytesIO(damaged))
        blocks = list(reader)
        assert len(blocks) >= len(parts) - (2 if burst > 1 else 1)
        assert reader.lost_frames == WHOLE * (len(parts) - len(blocks)) or reader.end is None
        for block in blocks:
            index = block.start // WHOLE
            assert block.gain == np.float32(gains[index])
            np.testing.assert_array_equal(block.codes, parts[index])


def test_a_stream_cut_at_any_byte_gives_every_whole_segment(written, split):
    stream, _, _ = written
    ends = [block.offset for block in split(stream)][2:]
    for length in range(ends[0] - 1, len(stream)):
        reader = Reader(io.BytesIO(stream[:length]))
        assert [block.start for block in reader] == [WHOLE * i for i in range(sum(end <= length for end in ends))]
        assert not reader.complete


@pytest.mark.parametrize("bits", [0x7FC00000, 0x7F800000, 0xFF800000, 0x80000000, 0xBE800000, 0x47800001, 0xFFFFFFFF])
def test_a_gain_that_is_none_damages_its_segment(written, split, bits):
    """With checksums that hold: no number, infinite, of the other sign, zero twice, too large."""
    stream, _, _ = written
    blocks = split(stream)
    at = blocks[2].payload.index(struct.pack("<f", 1e-8), 1)
    payload = blocks[2].payload[:at] + struct.pack("<I", bits) + blocks[2].payload[at + 4 :]
    blocks[2] = blocks[2]._replace(payload=payload)
    reader = Reader(io.BytesIO(framed(blocks)))
    assert [block.start for block in reader] == [0, 30, 45, 60]
    assert "claims a gain" in reader.damage[0].reason
    assert reader.lost_frames == WHOLE


def test_another_gain_is_not_what_end_was_written_for(written, split):
    stream, _, _ = written
    blocks = split(stream)
    payload = blocks[2].payload.replace(struct.pack("<f", 1e-8), struct.pack("<f", 2e-8))
    blocks[2] = blocks[2]._replace(payload=payload)
    reader = Reader(io.BytesIO(framed(blocks)))
    assert [block.gain for block in reader][1] == np.float32(2e-8)
    assert reader.hash_ok is False
    assert [damage.reason for damage in reader.damage] == ["the codes are not those that END was written for"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"flags": RESET}, "lacks the gain"),
        ({"flags": GAIN}, "lacks the flag of the reset"),
        ({"seq": 16}, "begins within a segment"),
        ({"payload": b"\x10\x01" + bytes(4) + b"\x14" + bytes(20)}, "across the reset"),
        ({"payload": b"\x01\x01" + bytes(3)}, "ends inside a field"),
    ],
)
def test_a_block_that_is_no_segment_is_passed_over(make_header, make_codes, split, changes, reason):
    header = make_header(reset_interval=WHOLE, segment_stride=4752)
    blocks = split(stream_of(header, parts_of(make_codes(header, 60)), [0.5] * 5))
    blocks[2] = blocks[2]._replace(**changes)
    reader = Reader(io.BytesIO(framed(blocks)))
    assert [block.start for block in reader] == [0, 30, 45, 60]
    assert reason in reader.damage[0].reason


def test_a_gain_without_segments_is_a_reserved_flag(make_header, make_codes, write, split):
    header = make_header()
    blocks = split(write(header, make_codes(header, 20), 10))
    blocks[1] = blocks[1]._replace(flags=RESET | GAIN)
    reader = Reader(io.BytesIO(framed(blocks)))
    assert [block.start for block in reader] == [10]
    assert "reserved flags" in reader.damage[0].reason


@pytest.mark.parametrize(
    "extensions",
    [
        struct.pack("<BHI", 1, 4, 0),
        struct.pack("<BHI", 1, 4, 4752) * 2,
        struct.pack("<BHH", 1, 2, 4752),
        struct.pack("<BHI", 1, 4, 4801),
        struct.pack("<BHI", 1, 4, 2399),
        struct.pack("<BHI", 1, 4, 2**32 - 1),
    ],
)
def test_segments_that_cannot_be_are_refused(make_header, extensions):
    payload = make_header(reset_interval=WHOLE).to_bytes() + extensions
    with pytest.raises(InvalidHeader):
        Reader(io.BytesIO(MAGIC + frame_block(BlockType.HEADER, 0, payload)))


def test_the_writer_takes_segments_and_nothing_else(header, make_header, make_codes):
    codes = make_codes(header, WHOLE + 1)
    writer = Writer(io.BytesIO(), header, None, AdaptiveCounts(header.level_sizes) if header.packing else None)
    for frames, gain in ((0, 1.0), (WHOLE + 1, 1.0), (1, -0.1), (1, float("nan")), (1, float("inf")), (1, 65537.0)):
        with pytest.raises(UsageError, match=f"a segment of {frames} frames"):
            writer.write_segment(codes[:, :frames], gain)
    with pytest.raises(UsageError, match="write_segment"):
        writer.write(codes)
    with pytest.raises(UsageError, match="tells of no segments"):
        Writer(io.BytesIO(), make_header()).write_segment(codes, 1.0)
    with pytest.raises(UsageError, match="a block holds"):
        Writer(io.BytesIO(), make_header(reset_interval=2**17, segment_stride=320 * 2**17))


def test_the_gain_zero_has_one_spelling(make_header, make_codes):
    header = make_header(reset_interval=WHOLE, segment_stride=4752)
    codes = make_codes(header, 3)
    assert stream_of(header, [codes], [-0.0]) == stream_of(header, [codes], [0.0])


def test_info_tells_time_by_strides(header, written):
    stream, parts, _ = written
    about = info(io.BytesIO(stream))
    assert about.header.frame_rate == WHOLE * 48_000 / 4752
    assert (about.frames, about.complete) == (60, True)
    assert (
        about.duration_seconds == (3 * 4752 + 15 * 320) / 48_000
    )  # as if the fourth had all frames and there were no fifth
    layers = sum(len(block.audio.layers[k]) for block in Reader(io.BytesIO(stream)) for k in range(3))
    assert about.payload_bits == 8 * (4 * len(parts) + layers)
    assert read_codes(io.BytesIO(stream))[1].shape == (3, 60)


def test_the_head_of_a_segment_claims_no_memory(make_header):
    """A header of the longest segments there can be, and a block that says it is one."""
    header = make_header(hop_length=2**16, reset_interval=65_535, segment_stride=2**32 - 2**16, codebook_sizes=(1,))
    stream = MAGIC + frame_block(BlockType.HEADER, 0, header.to_bytes())
    block = frame_block(BlockType.AUDIO, 0, b"\xff\xff\x03\x01" + bytes(4) + b"\x00", RESET | GAIN)
    report = verify(io.BytesIO(stream + block + block[:HEAD_BYTES]))
    assert (report.frames, len(report.damage)) == (0, 2)
