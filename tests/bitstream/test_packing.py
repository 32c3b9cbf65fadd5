"""Codes of a slot to bits and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvant.bitstream import Damaged
from kvant.bitstream.packing import code_width, pack, packed_bytes, unpack

sizes = st.one_of(st.sampled_from([1, 2, 3, 4, 1000, 1024, 1025, 2**16, 2**24 - 1, 2**24]), st.integers(1, 2**24))


@given(data=st.data(), size=sizes)
def test_unpack_inverts_pack(data, size):
    values = data.draw(st.lists(st.integers(0, size - 1), max_size=40))
    packed = pack(np.array(values, np.int64), size)
    assert len(packed) == packed_bytes(len(values), size)
    codes = unpack(packed, len(values), size)
    assert codes.dtype == np.int64
    assert codes.tolist() == values


@given(data=st.data(), size=sizes, num_codes=st.integers(1, 20))
def test_pack_inverts_unpack_or_the_bytes_are_refused(data, size, num_codes):
    count = packed_bytes(num_codes, size)
    raw = data.draw(st.binary(min_size=count, max_size=count))
    try:
        codes = unpack(raw, num_codes, size)
    except Damaged:
        return
    assert pack(codes, size) == raw


@pytest.mark.parametrize(
    ("size", "width"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (1000, 10), (1024, 10), (2**24, 24)]
)
def test_width_is_the_binary_logarithm_rounded_up(size, width):
    assert code_width(size) == width


def test_bits_are_most_significant_first():
    assert pack(np.array([1, 0, 5]), 8) == bytes([0b001_000_10, 0b1_0000000])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, ">i4", np.uint64])
def test_the_type_and_order_of_the_array_do_not_matter(dtype):
    codes = np.arange(20).astype(dtype)
    assert pack(codes[::2], 32) == pack(np.arange(0, 20, 2), 32)


@pytest.mark.parametrize(
    ("data", "num_codes", "size", "reason"),
    [
        (bytes([0b11110000]), 1, 10, "code 15"),  # 10 entries leave six codes of 4 bits unused
        (bytes([0b10000000]), 1, 1, "code 1"),
        (bytes([0b00010001]), 1, 10, "padding"),
        (bytes(2), 1, 10, "do not fit"),
        (b"", 1, 1, "do not fit"),
    ],
)
def test_bytes_that_pack_does_not_make_are_refused(data, num_codes, size, reason):
    with pytest.raises(Damaged, match=reason):
        unpack(data, num_codes, size)
