"""Seeking finds the block of a frame without an index, and gives what reading from the start gives."""

import io

import numpy as np
import pytest

from kvant.bitstream import NotKvt, read_codes, seek
from kvant.bitstream.container import MAGIC, BlockType, frame_block
from kvant.errors import UsageError

NUM_FRAMES = 120


@pytest.fixture(scope="module", params=[1, 7, 120])
def stream(request, make_header, make_codes, write):
    header = make_header()
    return write(header, make_codes(header, NUM_FRAMES), request.param)


def test_from_every_frame(stream):
    codes = read_codes(io.BytesIO(stream))[1]
    for frame in range(NUM_FRAMES):
        reader = seek(io.BytesIO(stream), frame)
        blocks = list(reader)
        start = blocks[0].start
        assert start <= frame < start + blocks[0].codes.shape[1]
        assert np.array_equal(np.concatenate([block.codes for block in blocks], axis=1), codes[:, start:])
        assert reader.complete
        assert reader.damage == []
        assert reader.hash_ok is None


def test_past_the_end_there_is_nothing(stream):
    for frame in (NUM_FRAMES, 10**12):
        reader = seek(io.BytesIO(stream), frame)
        assert list(reader) == []
        assert reader.end.total_frames == NUM_FRAMES


def test_the_stream_may_begin_anywhere_in_the_source(stream):
    source = io.BytesIO(b"x" * 1000 + stream)
    source.seek(1000)
    assert next(iter(seek(source, 60))).start <= 60
    with pytest.raises(NotKvt):
        seek(io.BytesIO(b"x" * 1000 + stream), 60)


def test_only_a_logarithmic_part_is_read(make_header, make_codes, write):
    header = make_header()
    codes = make_codes(header, 20_000)
    stream = write(header, codes, 20)

    class Source(io.BytesIO):
        taken = 0

        def read(self, n=-1):
            data = super().read(n)
            self.taken += len(data)
            return data

    source = Source(stream)
    np.testing.assert_array_equal(next(iter(seek(source, 13_333))).codes, codes[:, 13_320:13_340])
    assert source.taken < len(stream) / 20


def test_a_damaged_block_is_passed_over(make_header, make_codes, write, split):
    header = make_header()
    stream = bytearray(write(header, make_codes(header, 70), 7))
    blocks = split(bytes(stream))
    stream[blocks[5].offset + 20] ^= 1  # frames 28 to 34
    for frame in range(70):
        reader = seek(io.BytesIO(stream), frame)
        start = next(iter(reader)).start
        assert start == (35 if 28 <= frame < 35 else frame - frame % 7)
        assert [damage.frame for damage in reader.damage] == ([28] if 28 <= frame < 35 else [])


def test_a_stream_without_end_can_be_sought(make_header, make_codes, write):
    header = make_header()
    stream = write(header, make_codes(header, 70), 7)[:-100]
    assert next(iter(seek(io.BytesIO(stream), 40))).start == 35


def test_numbers_of_other_blocks_lead_nowhere(make_header, make_codes, write, split):
    header = make_header()
    blocks = split(write(header, make_codes(header, 70), 7))
    framed = [frame_block(block.type, block.seq, block.payload, block.flags) for block in blocks]
    meta = frame_block(BlockType.META, 0, bytes(500))
    for frame in range(70):
        reader = seek(io.BytesIO(b"".join([MAGIC, *framed[:9], meta, *framed[9:], meta])), frame)
        assert next(iter(reader)).start == frame - frame % 7


def test_a_negative_frame_is_refused(stream):
    with pytest.raises(UsageError, match="frame is -1"):
        seek(io.BytesIO(stream), -1)
