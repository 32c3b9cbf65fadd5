"""The frame around a payload: checksums, lengths, varints."""

import itertools
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvant.bitstream import Damaged
from kvant.bitstream.container import HEAD_BYTES, Head, crc8, crc32_holds, frame_block, parse_head
from kvant.bitstream.fields import Cursor, varint


def test_checksums_have_the_published_check_values():
    assert crc8(b"123456789") == 0xDF
    assert zlib.crc32(b"123456789") == 0xCBF43926


def test_every_error_of_up_to_3_bits_in_a_head_is_found():
    # The CRC is affine: an error goes unnoticed where the syndromes of its bits cancel.
    length = 8 * HEAD_BYTES
    zero = crc8(bytes(HEAD_BYTES - 1))
    syndromes = []
    for bit in range(length):
        error = (1 << bit).to_bytes(HEAD_BYTES, "big")
        syndromes.append(crc8(error[:-1]) ^ zero ^ error[-1])
    assert 0 not in syndromes
    assert len(set(syndromes)) == length
    pairs = {first ^ second for first, second in itertools.combinations(syndromes, 2)}
    assert not pairs & set(syndromes)


@given(
    block_type=st.integers(128, 255),
    flags=st.integers(0, 255),
    seq=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=300),
)
def test_a_framed_block_parses(block_type, flags, seq, payload):
    block = frame_block(block_type, seq, payload, flags)
    assert parse_head(block[:HEAD_BYTES]) == Head(block_type, flags, len(payload), seq)
    assert block[HEAD_BYTES:-4] == payload
    assert crc32_holds(block)


@pytest.mark.parametrize(("block_type", "cap"), [(1, 2**16), (2, 2**16), (6, 2**16), (4, 2**20), (200, 2**20)])
def test_a_length_over_the_cap_of_its_type_is_refused(block_type, cap):
    assert parse_head(frame_block(block_type, 0, bytes(cap))[:HEAD_BYTES]).length == cap
    with pytest.raises(Damaged, match="over its cap"):
        parse_head(frame_block(block_type, 0, bytes(cap + 1))[:HEAD_BYTES])


@given(value=st.integers(0, 2**21 - 1))
def test_varints_come_back(value):
    cursor = Cursor(varint(value))
    assert cursor.varint() == value
    assert cursor.remaining == 0


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\x83\x00", b"\xff\xff\x80\x00", b"\xff\xff\xff\x01"])
def test_other_spellings_of_a_varint_are_refused(data):
    with pytest.raises(Damaged):
        Cursor(data).varint()
