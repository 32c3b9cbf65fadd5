"""Frames of their own depth, and layers range coded: what was written comes back, in hardly more bits than promised."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvant.bitstream import (
    ABSENT,
    AdaptiveCounts,
    Layout,
    Packing,
    Reader,
    UnknownTables,
    Writer,
    info,
    read_codes,
    seek,
    truncate,
    verify,
)
from kvant.bitstream.audio_block import CODED, DEPTHS
from kvant.bitstream.container import BlockType, frame_block
from kvant.bitstream.depths import depths_of, levels_of
from kvant.bitstream.entropy_models.tables import counted
from kvant.bitstream.range_coder import TOTAL
from kvant.errors import UsageError

SIZES = (64, 5, 9000, 1, 30)
"""One of them too large to be coded, one that needs no bits."""


def stream_of(header, codes, model=None, block_frames=None):
    sink = io.BytesIO()
    with Writer(sink, header, block_frames, model) as writer:
        writer.write(codes)
    return sink.getvalue()


def tables_of(codes, header, block_frames=150):
    return counted(levels_of(codes, header.streams), header.level_sizes, block_frames)


@pytest.fixture
def header(make_header):
    return make_header(codebook_sizes=SIZES, packing=Packing.CODED)


@pytest.fixture
def stereo(make_header):
    sizes = tuple(np.repeat(SIZES, 2).tolist())
    return make_header(codebook_sizes=sizes, packing=Packing.CODED, channels=2, layout=Layout.STREAMS)


@st.composite
def blocks_of_codes(draw, channels):
    frames = draw(st.integers(1, 24))
    skew = draw(st.sampled_from([0.02, 0.3, 0.97]))
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    depths = draw(st.lists(st.integers(0, len(SIZES)), min_size=channels * frames, max_size=channels * frames))
    codes = np.full((len(SIZES) * channels, frames), ABSENT)
    for slot, size in enumerate(np.repeat(SIZES, channels)):
        level, channel = divmod(slot, channels)
        present = np.array(depths[channel * frames : (channel + 1) * frames]) > level
        codes[slot, present] = np.minimum(rng.geometric(skew, present.sum()), size) - 1
    return codes


@settings(max_examples=30)
@given(
    data=st.data(),
    channels=st.integers(1, 2),
    block_frames=st.integers(1, 30),
    kind=st.sampled_from(["raw", "adaptive", "tables"]),
)
def test_whatever_is_written_comes_back(make_header, data, channels, block_frames, kind):
    """Whole, cut to any number of levels, and found again from the middle; with every hash right."""
    codes = data.draw(blocks_of_codes(channels))
    sizes = tuple(np.repeat(SIZES, channels).tolist())
    header = make_header(codebook_sizes=sizes, channels=channels, layout=Layout(channels - 1), packing=Packing.CODED)
    models = {"raw": None, "adaptive": AdaptiveCounts(SIZES), "tables": tables_of(codes, header)}
    model = models[kind]
    header = replace(header, table_digest=bytes(32) if model is None else model.digest)
    stream = stream_of(header, codes, model, block_frames)
    read_header, read = read_codes(io.BytesIO(stream), model)
    assert read_header == header
    deepest = max(1, depths_of(codes, channels).max()) * channels
    np.testing.assert_array_equal(read, codes[:deepest])
    assert (codes[deepest:] == ABSENT).all()
    assert verify(io.BytesIO(stream), lambda _: model).ok
    kept = channels * data.draw(st.integers(1, len(SIZES)))
    lower = io.BytesIO()
    truncate(io.BytesIO(stream), lower, kept)
    np.testing.assert_array_equal(read_codes(io.BytesIO(lower.getvalue()), model)[1], codes[: min(kept, deepest)])
    assert verify(io.BytesIO(lower.getvalue()), lambda _: model).ok
    reader = seek(io.BytesIO(stream), codes.shape[1] - 1)
    if kind == "tables":
        reader.use(model)
    last = list(reader)[-1]
    np.testing.assert_array_equal(last.codes[:, -1], codes[: len(last.codes), -1])


def test_bits_are_those_that_the_model_promises(header, deep_codes):
    """Within a byte a message of the ideal -log2 p, which the frequencies of the tables make plain."""
    codes = deep_codes(header, 1500)
    model = tables_of(codes, header)
    header = replace(header, table_digest=model.digest)
    writer = Writer(io.BytesIO(), header, 300, model)
    writer.write(codes)
    writer.close()
    depths = depths_of(codes, 1)[0]
    ideal = 0.0
    for start in range(0, 1500, 300):
        block, part = codes[:, start : start + 300], depths[start : start + 300]
        ideal += -np.log2(model.depth_frequencies(part, range(300))[np.arange(300), part] / TOTAL).sum()
        for level, size in enumerate(SIZES):
            own = block[level, part > level]
            rows = model.frequencies(level, block, part, np.flatnonzero(part > level))
            coded = -np.log2(rows[np.arange(len(own)), own] / TOTAL).sum()
            ideal += {9000: 14 * len(own), 1: len(own)}.get(size, coded)  # too large to be coded; too dense
    messages = 5 * 6
    assert ideal < writer.payload_bits < 1.005 * ideal + 8 * messages
    raw = Writer(io.BytesIO(), replace(header, table_digest=bytes(32)))
    raw.write(codes)
    raw.close()
    assert writer.payload_bits < 0.8 * raw.payload_bits


def test_raw_layers_stay_where_coding_gains_nothing(make_header, make_codes, split):
    """Uniform codes are written as they are: the blocks have no more bytes than in a raw stream, and no flag."""
    header = make_header(packing=Packing.CODED)
    codes = make_codes(header, 60)
    coded = split(stream_of(header, codes, AdaptiveCounts(header.level_sizes), 60))
    raw = split(stream_of(replace(header, packing=Packing.RAW), codes, None, 60))
    assert coded[1].payload == raw[1].payload
    assert coded[1].flags == raw[1].flags


def test_a_raw_stream_is_of_version_1_0_and_a_coded_one_of_1_1(make_header):
    assert make_header().to_bytes()[:2] == b"\x01\x00"
    assert make_header(packing=Packing.CODED).to_bytes()[:2] == b"\x01\x01"


def test_depths_know_the_order_of_codes(header, make_header):
    gap = np.array([[1, 2], [ABSENT, 1], [0, 0]])
    with pytest.raises(UsageError, match="behind an absent one"):
        stream_of(header, gap)
    with pytest.raises(UsageError, match="code -1 in slot 1, frame 0"):
        stream_of(make_header(), gap)


def test_another_entropy_model_is_named(header, deep_codes):
    codes = deep_codes(header, 100)
    model, other = tables_of(codes, header), tables_of(codes[:, ::2], header)
    stream = stream_of(replace(header, table_digest=model.digest), codes, model)
    with pytest.raises(UnknownTables, match=f"{model.digest.hex()[:16]}, not by {other.digest.hex()[:16]}"):
        read_codes(io.BytesIO(stream), other)
    with pytest.raises(UnknownTables, match="not here"):
        read_codes(io.BytesIO(stream))
    with pytest.raises(UsageError, match="names another"):
        stream_of(header, codes, model)


def test_without_the_model_all_but_the_codes_can_be_told(header, deep_codes):
    codes = deep_codes(header, 300)
    model = tables_of(codes, header)
    stream = stream_of(replace(header, table_digest=model.digest), codes, model)
    report = verify(io.BytesIO(stream))
    assert (report.unread, report.ok, report.frames, report.hash_ok) == (True, False, 300, None)
    known, unknown = info(io.BytesIO(stream), lambda _: model), info(io.BytesIO(stream))
    assert unknown._replace(mean_depth=known.mean_depth) == known
    assert unknown.mean_depth is None
    assert known.mean_depth == pytest.approx(depths_of(codes, 1).mean())
    assert known.coded_share == 1
    with pytest.raises(UnknownTables):
        _ = next(iter(Reader(io.BytesIO(stream)))).codes
    damaged = bytearray(stream)
    damaged[len(stream) // 2] ^= 1
    assert not verify(io.BytesIO(damaged)).unread


def test_a_lost_block_costs_itself_alone(stereo, deep_codes, split):
    codes = deep_codes(stereo, 90)
    stream = stream_of(stereo, codes, AdaptiveCounts(SIZES), 30)
    third = split(stream)[2].offset
    damaged = bytearray(stream)
    damaged[third + 20] ^= 1
    reader = Reader(io.BytesIO(damaged))
    blocks = {block.start: block.codes for block in reader}
    assert sorted(blocks) == [0, 60]
    np.testing.assert_array_equal(blocks[60], codes[: len(blocks[60]), 60:])
    assert reader.lost_frames == 30


def test_live_frames_carry_their_depth(header, deep_codes):
    codes = deep_codes(header, 40)
    blocks = list(Reader(io.BytesIO(stream_of(header, codes, None, 1))))
    assert [len(block.codes) for block in blocks] == [max(1, depth) for depth in depths_of(codes, 1)[0]]
    assert not any(block.audio.coded for block in blocks)


@pytest.mark.parametrize(
    ("flags", "payload", "reason"),
    [
        (CODED, "03 01 01 02 00 00", "do not end where"),
        (CODED, "03 01 01 01 02", "end before the last symbol"),
        (CODED, "02 01 06 01 00", "claims 1 slots and frames of 6 levels"),
        (CODED, "02 02 01 01 01 00 00", "claims 2 slots and frames of 1 levels"),
        (CODED, "81 08 01 01 01 00", "1025 frames, must be 1 to 1024"),
        (CODED, "80 08 01 01 04 00 00 00 00", "1024 coded symbols in 4 bytes"),
        (DEPTHS, "02 01 02 00 00 00", "2 codes of 3 bits do not fit 2 bytes"),
        (DEPTHS, "02 01 01 fc 00", "code 7 in a codebook of 6"),
        (DEPTHS, "02 01 01 24 01 00", "2 codes of 6 bits do not fit 1 bytes"),
        (4, "02 01 02 00 00", "reserved flags"),
        (0, "02 01 01 00", "do not fit"),
    ],
)
def test_blocks_that_no_writer_makes_are_damage(header, split, flags, payload, reason):
    stream = stream_of(header, np.zeros((1, 4), int), None, 2)
    _, first, second, end = split(stream)
    wrong = frame_block(BlockType.AUDIO, 2, bytes.fromhex(payload), flags)
    reader = Reader(io.BytesIO(stream[: second.offset] + wrong + stream[end.offset :]))
    assert [block.start for block in reader] == [first.seq]
    assert reason in reader.damage[0].reason
    assert reader.lost_frames == 2
