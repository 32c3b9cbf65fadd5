"""Dropping layers without the model gives the bytes that writing fewer layers would have given."""

import io
import tracemalloc

import numpy as np
import pytest

from kvant.bitstream import Damaged, Layout, Truncated, Writer, read_codes, truncate, verify
from kvant.bitstream.container import MAGIC, BlockType, frame_block
from kvant.errors import UsageError


def truncated(stream, num_codebooks):
    sink = io.BytesIO()
    truncate(io.BytesIO(stream), sink, num_codebooks)
    return sink.getvalue()


@pytest.mark.parametrize("num_codebooks", range(1, 9))
def test_truncating_equals_writing_fewer_codebooks(make_header, make_codes, write, num_codebooks):
    header = make_header(
        codebook_sizes=(1024, 1000, 2, 1, 65_536, 7, 2**24, 512), num_samples=40_000, reset_interval=30
    )
    codes = make_codes(header, 200)
    result = truncated(write(header, codes), num_codebooks)
    assert result == write(header, codes[:num_codebooks])
    assert verify(io.BytesIO(result)).ok
    assert read_codes(io.BytesIO(result))[0] == header


def test_streams_lose_a_level_of_every_channel(make_header, make_codes, write):
    header = make_header(channels=2, layout=Layout.STREAMS, codebook_sizes=(1024,) * 6)
    codes = make_codes(header, 10)
    assert truncated(write(header, codes), 4) == write(header, codes[:4])
    with pytest.raises(UsageError, match="multiple of 2"):
        truncated(write(header, codes), 3)


def test_blocks_that_have_fewer_already_stay(make_header, make_codes):
    header = make_header()
    codes = make_codes(header, 9)

    def mixed(*depths):
        sink = io.BytesIO()
        with Writer(sink, header, block_frames=3) as writer:
            for index, depth in enumerate(depths):
                writer.write(codes[:depth, 3 * index : 3 * index + 3])
        return sink.getvalue()

    assert truncated(mixed(3, 1, 2), 2) == mixed(2, 1, 2)
    assert verify(io.BytesIO(truncated(mixed(3, 1, 2), 2))).ok


def test_meta_stays_and_what_may_be_stale_goes(make_header, make_codes, write, split):
    header = make_header()
    codes = make_codes(header, 6)

    def with_blocks(stream, *extra):
        head, *rest = [frame_block(b.type, b.seq, b.payload, b.flags) for b in split(stream)]
        return b"".join([MAGIC, head, *extra, *rest])

    meta = frame_block(BlockType.META, 0, b'{"title": "x"}')
    index = frame_block(BlockType.INDEX, 0, b"offsets")
    unknown = frame_block(0x99, 0, b"?")
    whole = with_blocks(write(header, codes), meta, index, unknown)
    assert truncated(whole, 2) == with_blocks(write(header, codes[:2]), meta)


def test_a_header_of_a_later_minor_version_is_kept_as_it_is(make_header, make_codes, write, split):
    header = make_header()
    blocks = split(write(header, make_codes(header, 6)))
    payload = bytearray(blocks[0].payload)
    payload[1] = 7
    later = bytes(payload) + b"\x81\x03\x00new"
    framed = [frame_block(block.type, block.seq, block.payload, block.flags) for block in blocks[1:]]
    result = truncated(b"".join([MAGIC, frame_block(BlockType.HEADER, 0, later), *framed]), 2)
    assert split(result)[0].payload == later


@pytest.mark.parametrize("num_codebooks", [0, 4, -1])
def test_an_impossible_number_writes_nothing(make_header, make_codes, write, num_codebooks):
    header = make_header()
    sink = io.BytesIO()
    with pytest.raises(UsageError):
        truncate(io.BytesIO(write(header, make_codes(header, 6))), sink, num_codebooks)
    assert sink.getvalue() == b""


def test_a_damaged_or_cut_stream_gives_what_came_before_and_no_end(make_header, make_codes, write, split):
    header = make_header()
    codes = make_codes(header, 9)
    stream = write(header, codes, block_frames=3)
    third = split(stream)[3].offset
    damaged = bytearray(stream)
    damaged[third + 14] ^= 1
    for source, error in [(damaged, Damaged), (stream[: third + 14], Truncated)]:
        sink = io.BytesIO()
        with pytest.raises(error):
            truncate(io.BytesIO(source), sink, 2)
        report = verify(io.BytesIO(sink.getvalue()))
        assert (report.frames, report.complete) == (6, False)


def test_memory_does_not_grow_with_the_stream(make_header, make_codes, write):
    header = make_header(codebook_sizes=(1024,) * 8)

    class Null:
        def write(self, data):
            pass

    def peak(num_frames):
        source = io.BytesIO(write(header, make_codes(header, num_frames)))
        tracemalloc.start()
        try:
            truncate(source, Null(), 4)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(75)  # what is allocated once, by whoever comes first
    assert peak(7_500) < 1.2 * peak(750)


def test_truncating_twice_is_truncating_once(make_header, make_codes, write):
    header = make_header()
    stream = write(header, make_codes(header, 100))
    assert truncated(truncated(stream, 2), 1) == truncated(stream, 1)
    np.testing.assert_array_equal(
        read_codes(io.BytesIO(truncated(stream, 2)))[1], read_codes(io.BytesIO(stream))[1][:2]
    )
