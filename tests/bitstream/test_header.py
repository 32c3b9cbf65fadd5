"""HEADER: what it holds, what it refuses, how later versions may extend it."""

import dataclasses
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvant.bitstream import Damaged, Header, InvalidHeader, Layout, UnsupportedVersion
from kvant.errors import BitstreamError, UsageError

digests = st.binary(min_size=32, max_size=32)
rates = st.integers(1_000, 768_000)
headers = st.builds(
    Header,
    model_id=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=32),
    decoder_digest=digests,
    encoder_digest=digests,
    codec_rate=rates,
    source_rate=rates,
    channels=st.integers(1, 64),
    layout=st.just(Layout.NATIVE),
    num_samples=st.none() | st.integers(0, 2**64 - 2),
    hop_length=st.integers(1, 2**20),
    pre_skip=st.integers(0, 2**32 - 1),
    codebook_sizes=st.lists(st.integers(1, 2**24), min_size=1, max_size=64).map(tuple),
    reset_interval=st.integers(0, 2**32 - 1),
)


@given(header=headers)
def test_from_bytes_inverts_to_bytes(header):
    assert Header.from_bytes(header.to_bytes()) == header


@given(header=headers, data=st.data())
def test_a_payload_cut_anywhere_is_damaged(header, data):
    payload = header.to_bytes()
    with pytest.raises(Damaged):
        Header.from_bytes(payload[: data.draw(st.integers(0, len(payload) - 1))])


def test_rates_of_a_known_codec(make_header):
    encodec = make_header(codebook_sizes=(1024,) * 32)  # 24 kHz, 75 frames/s, 32 codebooks: 24 kbit/s
    assert encodec.frame_rate == 75.0
    assert encodec.bits_per_frame() == 320
    assert encodec.bitrate() == 24_000.0
    assert encodec.bitrate(8) == 6_000.0
    mimi = make_header(hop_length=1920, codebook_sizes=(2048,) * 8)
    assert mimi.frame_rate == 12.5
    assert mimi.bitrate() == 1_100.0


def test_strides_are_all_1_unless_given(make_header):
    assert make_header().strides == (1, 1, 1)
    snac = make_header(codebook_sizes=(4096,) * 7, strides=(4, 2, 2, 1, 1, 1, 1))
    assert Header.from_bytes(snac.to_bytes()).strides == (4, 2, 2, 1, 1, 1, 1)


def test_streams_take_as_many_codebooks_for_each_channel(make_header):
    stereo = make_header(channels=2, layout=Layout.STREAMS, codebook_sizes=(1024,) * 6)
    assert Header.from_bytes(stereo.to_bytes()) == stereo
    assert stereo.bits_per_frame(4) == 40
    with pytest.raises(UsageError, match="multiple of 2"):
        stereo.bits_per_frame(3)
    with pytest.raises(UsageError, match="multiple of 2"):
        make_header(channels=2, layout=Layout.STREAMS, codebook_sizes=(1024,) * 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_id": ""},
        {"model_id": "x" * 129},
        {"model_id": "\x1b[2J"},
        {"model_id": "a\x85b"},
        {"decoder_digest": b"short"},
        {"encoder_digest": b""},
        {"codec_rate": 999},
        {"codec_rate": 24_000.0},
        {"source_rate": 768_001},
        {"channels": 0},
        {"channels": 65},
        {"layout": 2},
        {"num_samples": -1},
        {"num_samples": 2**64 - 1},
        {"hop_length": 0},
        {"hop_length": 2**20 + 1},
        {"pre_skip": -1},
        {"codebook_sizes": ()},
        {"codebook_sizes": (2,) * 65},
        {"codebook_sizes": (0,)},
        {"codebook_sizes": (2**24 + 1,)},
        {"strides": (1,)},
        {"strides": (1, 0, 1)},
        {"reset_interval": 2**32},
    ],
)
def test_values_outside_the_caps_are_refused(make_header, changes):
    with pytest.raises(UsageError):
        make_header(**changes)


CHANNELS = 2 + 64 + 1 + len("test") + 8  # where things are in the payload of `make_header()`
LAYOUT = CHANNELS + 1
SLOTS = CHANNELS + 19
PACKING = SLOTS + 3 * 4 + 4


@pytest.mark.parametrize(
    ("offset", "value", "error", "reason"),
    [
        (0, 2, UnsupportedVersion, "version 2.0"),
        (0, 0, UnsupportedVersion, "version 0.0"),
        (67, 0xFF, InvalidHeader, "utf-8"),
        (CHANNELS, 255, InvalidHeader, "channels is 255"),
        (LAYOUT, 7, InvalidHeader, "layout 7"),
        (SLOTS - 1, 0, UnsupportedVersion, "update"),  # the slots are then read as what follows them
        (SLOTS + 3, 0, InvalidHeader, "stride is 0"),
        (PACKING, 2, UnsupportedVersion, "packing 2"),
        (PACKING + 1, 1, UnsupportedVersion, "update"),
        (PACKING + 33, 1, UnsupportedVersion, "update"),
    ],
)
def test_a_payload_with_impossible_or_later_fields_is_refused(make_header, offset, value, error, reason):
    payload = bytearray(make_header().to_bytes())
    payload[offset] = value
    with pytest.raises(error, match=reason) as caught:
        Header.from_bytes(bytes(payload))
    assert isinstance(caught.value, BitstreamError)


def test_a_later_minor_version_may_add_what_can_be_skipped(make_header):
    header = make_header()
    payload = bytearray(header.to_bytes())
    payload[1] = 9
    assert Header.from_bytes(payload + struct.pack("<BH3s", 0x81, 3, b"new")) == header
    with pytest.raises(UnsupportedVersion, match=r"stream 1\.9 needs header extension 2"):
        Header.from_bytes(payload + struct.pack("<BH3s", 0x02, 3, b"new"))
    with pytest.raises(Damaged):
        Header.from_bytes(payload + struct.pack("<BH3s", 0x81, 4, b"new"))


def test_a_header_is_a_value(make_header):
    assert dataclasses.replace(make_header(), channels=2).channels == 2
    assert hash(make_header()) == hash(make_header(codebook_sizes=[1024, 1000, 16], layout=0))
