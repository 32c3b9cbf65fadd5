"""Damage is always noticed, and stays inside the block it hit."""

import io

import numpy as np
import pytest

from kvant.bitstream import Reader, verify
from kvant.errors import BitstreamError


@pytest.fixture(scope="module")
def two_seconds(make_header, make_codes, write):
    """Two seconds at 12.5 frames/s with four codebooks, in blocks of half a second: 1.2 kB."""
    header = make_header(hop_length=1920, codebook_sizes=(2048,) * 3 + (1000,))
    return write(header, make_codes(header, 25), block_frames=6)


@pytest.fixture(scope="module")
def ten_blocks(make_header, make_codes, write):
    """Two seconds at 75 frames/s with eight codebooks of 1024, in blocks of a fifth of one: 2 kB."""
    header = make_header(codebook_sizes=(1024,) * 8)
    return write(header, make_codes(header, 150), block_frames=15)


def assert_noticed_and_contained(damaged, whole, hit):
    """`damaged` is not what it was, and at most the blocks in `hit` do not come out of it exactly as they went in."""
    assert not verify(io.BytesIO(damaged)).ok
    found = {block.start: block.codes for block in Reader(io.BytesIO(damaged))}
    for start, codes in whole.items():
        if start in found:
            assert np.array_equal(found.pop(start), codes), start
        else:
            assert start in hit, start
    assert not found


def places(stream, split):
    """Codes of each AUDIO block by its first frame, and the bytes [begin, end) where it stands."""
    whole = {block.start: block.codes for block in Reader(io.BytesIO(stream))}
    blocks = split(stream)
    ends = [block.offset for block in blocks[1:]] + [len(stream)]
    spans = {block.seq: (block.offset, end) for block, end in zip(blocks, ends) if block.type == 2}
    return whole, spans


def test_every_flip_of_a_bit(two_seconds, split):
    whole, spans = places(two_seconds, split)
    header_end = spans[0][0]
    for bit in range(8 * len(two_seconds)):
        damaged = bytearray(two_seconds)
        damaged[bit // 8] ^= 1 << bit % 8
        if bit < 8 * header_end:
            with pytest.raises(BitstreamError):
                Reader(io.BytesIO(damaged))
            continue
        hit = {start for start, (begin, end) in spans.items() if begin <= bit // 8 < end}
        assert_noticed_and_contained(damaged, whole, hit)


def test_bursts_of_up_to_32_bits(two_seconds, split):
    whole, spans = places(two_seconds, split)
    header_end = spans[0][0]
    rng = np.random.default_rng(0)
    value = int.from_bytes(two_seconds, "little")
    for _ in range(3000):
        length = int(rng.integers(2, 33))
        first = int(rng.integers(8 * len(two_seconds) - length))
        burst = int(rng.integers(2**length)) | 1 | 1 << length - 1  # its first and last bit are wrong
        damaged = (value ^ burst << first).to_bytes(len(two_seconds), "little")
        if first < 8 * header_end:
            with pytest.raises(BitstreamError):
                Reader(io.BytesIO(damaged))
            continue
        last = (first + length - 1) // 8
        hit = {start for start, (begin, end) in spans.items() if begin <= last and first // 8 < end}
        assert_noticed_and_contained(damaged, whole, hit)


def test_a_stream_cut_at_any_byte_gives_every_whole_block(ten_blocks, split):
    whole, spans = places(ten_blocks, split)
    for length in range(len(ten_blocks)):
        source = io.BytesIO(ten_blocks[:length])
        if length < spans[0][0]:
            with pytest.raises(BitstreamError):
                Reader(source)
            continue
        reader = Reader(source)
        blocks = list(reader)
        assert [block.start for block in blocks] == [start for start, (_, end) in spans.items() if end <= length]
        for block in blocks:
            assert np.array_equal(block.codes, whole[block.start])
        assert reader.end is None
        assert not reader.complete
        assert len(reader.damage) == 1
        assert reader.bytes_read == length
    assert verify(io.BytesIO(ten_blocks)).ok
