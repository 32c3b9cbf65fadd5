"""The reader: every whole block as soon as its bytes are there, and a note of all that was not right."""

import io
import os
from itertools import pairwise

import numpy as np
import pytest

from kvant.bitstream import (
    Damaged,
    MixedDepth,
    NotKvt,
    Reader,
    Truncated,
    UnsupportedVersion,
    Writer,
    read_codes,
    verify,
)
from kvant.bitstream.container import HEAD_BYTES, MAGIC, BlockType, RawBlock, frame_block


class OneByte:
    """A source that returns one byte at a time, as a slow socket may."""

    def __init__(self, data):
        self._source = io.BytesIO(data)

    def read(self, n):
        return self._source.read(min(n, 1))


@pytest.fixture(scope="module")
def stream(make_header, make_codes, write):
    """25 frames in blocks of 5."""
    header = make_header()
    return write(header, make_codes(header, 25), block_frames=5)


@pytest.fixture(scope="module")
def parts(stream, split):
    """HEADER with the magic, five AUDIO blocks, END: the bytes of each."""
    blocks = split(stream)
    offsets = [0, *(block.offset for block in blocks[1:]), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(offsets)]


def starts(data):
    reader = Reader(io.BytesIO(data))
    return [block.start for block in reader], reader


def test_one_byte_at_a_time(stream):
    reader = Reader(OneByte(stream))
    np.testing.assert_array_equal(
        np.concatenate([block.codes for block in reader], axis=1), read_codes(io.BytesIO(stream))[1]
    )
    assert reader.complete
    assert verify(OneByte(stream)).ok


def test_one_byte_at_a_time_past_damage(stream):
    damaged = bytearray(stream)
    damaged[len(stream) // 2] ^= 1
    assert [block.start for block in Reader(OneByte(damaged))] == [block.start for block in Reader(io.BytesIO(damaged))]
    assert verify(OneByte(damaged)) == verify(io.BytesIO(damaged))


def test_nothing_beyond_a_block_is_read_before_it_is_yielded(stream, parts):
    source = io.BytesIO(stream + b"what follows is somebody else's")
    reader = Reader(source)
    passed = len(parts[0])
    assert source.tell() == passed
    for block, part in zip(reader, parts[1:]):
        passed += len(part)
        assert source.tell() == passed, block.start
    assert list(reader) == []
    assert source.tell() == len(stream)
    assert reader.complete


@pytest.mark.parametrize(
    ("place", "flip"), [(0, 0xFF), (2, 0x04), (5, 0x40), (HEAD_BYTES - 1, 0x01), (HEAD_BYTES + 2, 0x01)]
)
def test_a_scan_reads_no_further_than_the_block_it_finds(parts, place, flip):
    damaged = bytearray(parts[2])
    damaged[place] ^= flip  # at 5, the length: 16 KiB more
    source = io.BytesIO(b"".join([*parts[:2], damaged, *parts[3:]]))
    reader = iter(Reader(source))
    assert next(reader).start == 0
    assert next(reader).start == 10
    assert source.tell() == sum(map(len, parts[:4]))


def test_a_pipe_is_read_block_by_block(make_header, make_codes):
    header = make_header()
    codes = make_codes(header, 6)
    read_end, write_end = os.pipe()
    with open(read_end, "rb") as source, open(write_end, "wb", buffering=0) as sink:
        writer = Writer(sink, header, block_frames=2)
        reader = Reader(source)
        blocks = iter(reader)
        for start in (0, 2, 4):
            writer.write(codes[:, start : start + 2])
            block = next(blocks)  # would wait for ever, had it to see more than is written
            assert block.start == start
            np.testing.assert_array_equal(block.codes, codes[:, start : start + 2])
        writer.close()
        assert next(blocks, None) is None
        assert reader.complete


def test_a_lost_block_is_noticed_by_its_number(parts):
    found, reader = starts(b"".join(parts[:2] + parts[3:]))
    assert found == [0, 10, 15, 20]
    assert [(damage.frame, damage.lost_frames) for damage in reader.damage] == [(5, 5)]
    assert not reader.complete
    assert reader.hash_ok is False


def test_a_lost_last_block_is_noticed_at_the_end(parts):
    found, reader = starts(b"".join(parts[:5] + parts[6:]))
    assert found == [0, 5, 10, 15]
    assert [(damage.frame, damage.lost_frames) for damage in reader.damage] == [(20, 5)]
    assert not reader.complete


def test_a_repeated_block_is_dropped(parts):
    found, reader = starts(b"".join(parts[:3] + parts[2:]))
    assert found == [0, 5, 10, 15, 20]
    assert ["again" in damage.reason for damage in reader.damage] == [True]
    assert reader.complete
    assert reader.hash_ok


def test_blocks_out_of_order(parts):
    found, reader = starts(b"".join([*parts[:2], parts[3], parts[2], *parts[4:]]))
    assert found == [0, 10, 15, 20]
    assert reader.lost_frames == 5
    assert len(reader.damage) == 2


def test_adjacent_damage_is_counted_once(stream, parts):
    data = bytearray(stream)
    for block in (2, 3):
        data[sum(map(len, parts[:block])) + HEAD_BYTES + 1] ^= 1
    found, reader = starts(data)
    assert found == [0, 15, 20]
    assert [(damage.frame, damage.lost_frames) for damage in reader.damage] == [(5, 10)]


def test_later_loss_is_not_put_down_to_earlier_damage(parts):
    found, reader = starts(b"".join([*parts[:2], b"garbage", *parts[2:4], *parts[5:]]))
    assert found == [0, 5, 10, 20]
    assert [(damage.frame, damage.lost_frames) for damage in reader.damage] == [(5, 0), (15, 5)]


def test_garbage_between_blocks_costs_no_frame(parts):
    garbage = np.random.default_rng(0).bytes(5000) + b"\xd6K" * 20 + parts[3][:-1]
    found, reader = starts(b"".join([*parts[:3], garbage, *parts[3:]]))
    assert found == [0, 5, 10, 15, 20]
    assert reader.complete
    assert [damage.offset for damage in reader.damage] == [sum(map(len, parts[:3]))]


def test_a_wrong_length_with_a_right_crc8_does_not_skip_good_blocks(parts, split, stream):
    block = split(stream)[2]
    length = 3 * len(parts[2])  # of the head alone: reaches far into the blocks behind
    forged = frame_block(block.type, block.seq, bytes(length), block.flags)[:HEAD_BYTES] + parts[2][HEAD_BYTES:]
    found, reader = starts(b"".join([*parts[:2], forged, *parts[3:]]))
    assert found == [0, 10, 15, 20]
    assert reader.lost_frames == 5
    length = 2**16  # and past the end of the stream
    forged = frame_block(block.type, block.seq, bytes(length), block.flags)[:HEAD_BYTES] + parts[2][HEAD_BYTES:]
    assert starts(b"".join([*parts[:2], forged, *parts[3:]]))[0] == [0, 10, 15, 20]


def test_a_stream_inside_a_stream(stream, parts):
    found, reader = starts(b"".join([*parts[:2], stream]))
    assert found == [0, 5, 10, 15, 20]
    assert reader.complete
    assert not verify(io.BytesIO(b"".join([*parts[:2], stream]))).ok


def test_strict_raises_at_the_first_damage(stream, parts):
    offset = sum(map(len, parts[:3]))
    damaged = bytearray(stream)
    damaged[offset + HEAD_BYTES] ^= 1
    blocks = iter(Reader(io.BytesIO(damaged), strict=True))
    assert [next(blocks).start, next(blocks).start] == [0, 5]
    with pytest.raises(Damaged, match=f"at byte {offset}, frame 10: CRC-32 of the AUDIO block does not match"):
        next(blocks)
    with pytest.raises(Damaged, match="frames 10 to 14 are missing"):
        read_codes(io.BytesIO(b"".join(parts[:3] + parts[4:])))
    with pytest.raises(Truncated, match="without an END"):
        read_codes(io.BytesIO(b"".join(parts[:-1])))
    with pytest.raises(Truncated, match="inside the head"):
        read_codes(io.BytesIO(stream[:-60]))


def test_end_of_other_codes(parts, make_header, make_codes, write, split):
    header = make_header()

    def end_of(codes):
        return frame_block(BlockType.END, 0, split(write(header, codes))[-1].payload)

    _, reader = starts(b"".join(parts[:-1]) + end_of(make_codes(header, 25)[:, ::-1]))
    assert reader.complete
    assert reader.hash_ok is False
    assert ["not those" in damage.reason for damage in reader.damage] == [True]
    _, reader = starts(b"".join(parts[:-1]) + end_of(make_codes(header, 20)))
    assert not reader.complete
    assert ["END counts 20 frames, 25 were read" in damage.reason for damage in reader.damage] == [True]


@pytest.mark.parametrize(
    ("samples", "reasons"),
    [
        (1001, ["END says 1001 samples, HEADER 1000"]),
        (2**64 - 1, ["END says None samples, HEADER 1000"]),
        (999, []),  # the source was cut short
    ],
)
def test_end_and_what_the_header_announced(make_header, write, make_codes, split, samples, reasons):
    header = make_header(num_samples=1000)
    blocks = split(write(header, make_codes(header, 3)))
    payload = bytearray(blocks[-1].payload)
    payload[8:16] = samples.to_bytes(8, "little")
    framed = [frame_block(block.type, block.seq, block.payload, block.flags) for block in blocks[:-1]]
    _, reader = starts(b"".join([MAGIC, *framed, frame_block(BlockType.END, 3, payload)]))
    assert [damage.reason for damage in reader.damage] == reasons
    assert reasons or reader.num_samples == samples


@pytest.mark.parametrize("block_type", [BlockType.TABLES, BlockType.META, BlockType.INDEX, 0x80, 0xFF])
@pytest.mark.parametrize("length", [0, 2**20])
def test_blocks_that_may_be_ignored_are(parts, block_type, length):
    extra = frame_block(block_type, 5, bytes(length))
    data = b"".join([*parts[:2], extra, *parts[2:]])
    assert verify(io.BytesIO(data)).ok
    assert RawBlock(sum(map(len, parts[:2])), block_type, 0, 5, bytes(length)) in list(
        Reader(io.BytesIO(data)).blocks()
    )


@pytest.mark.parametrize("block_type", [0, 7, 127])
def test_blocks_that_may_not_be_ignored_stop_the_reader(parts, block_type):
    blocks = iter(Reader(io.BytesIO(b"".join([*parts[:2], frame_block(block_type, 5, b"new"), *parts[2:]]))))
    assert next(blocks).start == 0
    with pytest.raises(UnsupportedVersion, match=f"unknown type {block_type} at byte {sum(map(len, parts[:2]))}"):
        next(blocks)


@pytest.mark.parametrize(
    ("flags", "payload", "reason"),
    [
        (0, "", "ends inside a field"),
        (0, "00 01 00", "claims 0 frames"),
        (0, "80 80 04 01 00", "claims 65536 frames"),
        (0, "01 00", "claims 0 codebooks"),
        (0, "01 04 01 01 01 01 00 00 00 00", "claims 4 codebooks"),
        (0, "01 01 02 00 00 00", "layers of 2 bytes in a payload with 3"),
        (0, "01 01 03 00 00 00", "1 codes of 10 bits do not fit 3 bytes"),
        (0, "ff ff 03 01 02 00 00", "65535 codes of 10 bits do not fit 2 bytes"),
        (0, "01 01 02 00 01", "padding"),
        (0, "01 02 02 02 00 00 ff c0", "code 1023 in a codebook of 1000"),
        (0, "81 00 01 02 00 00", "shortest form"),
        (2, "01 01 02 00 00", "reserved flags"),
        (4, "01 01 02 00 00", "reserved flags"),
        (0x80, "01 01 02 00 00", "reserved flags"),
    ],
)
def test_an_audio_block_that_checks_out_but_makes_no_sense_is_skipped(parts, flags, payload, reason):
    wrong = frame_block(BlockType.AUDIO, 5, bytes.fromhex(payload), flags)
    found, reader = starts(b"".join([*parts[:2], wrong, *parts[2:]]))
    assert found == [0, 5, 10, 15, 20]
    assert len(reader.damage) == 1
    assert reason in reader.damage[0].reason


def test_a_block_past_the_last_frame_number_is_skipped(parts):
    wrong = frame_block(BlockType.AUDIO, 2**32 - 1, bytes.fromhex("01 01 02 00 00"))
    found, reader = starts(b"".join([*parts[:2], wrong, *parts[2:]]))
    assert found == [0, 5, 10, 15, 20]
    assert "past the last" in reader.damage[0].reason


@pytest.mark.parametrize(("interval", "found", "reason"), [(4, [], "across the reset"), (6, [0], "lacks the flag")])
def test_a_reset_that_is_due_must_be_there(make_header, make_codes, write, split, interval, found, reason):
    blocks = split(write(make_header(), make_codes(make_header(), 12), block_frames=6))
    blocks[0] = blocks[0]._replace(payload=make_header(reset_interval=interval).to_bytes())
    framed = [frame_block(block.type, block.seq, block.payload, block.flags) for block in blocks]
    found_starts, reader = starts(b"".join([MAGIC, *framed]))
    assert found_starts == found
    assert all(reason in damage.reason for damage in reader.damage)
    assert reader.lost_frames == 12 - 6 * len(found)


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (b"", Truncated, "HEADER"),
        (MAGIC[:5], Truncated, "HEADER"),
        (MAGIC, Truncated, "HEADER"),
        (b"RIFF....WAVEfmt ", NotKvt, "not a .kvt stream"),
        (MAGIC.replace(b"\r\n", b"\n") + bytes(100), NotKvt, "text mode"),
        (MAGIC + frame_block(BlockType.END, 0, bytes(48)), Damaged, "an END block is in its place"),
        (MAGIC + bytes(100), Damaged, "no block begins here"),
    ],
)
def test_a_stream_without_its_beginning_is_refused(data, error, reason):
    with pytest.raises(error, match=reason):
        Reader(io.BytesIO(data))


def test_codes_of_varying_depth_are_no_array(make_header, make_codes):
    header = make_header()
    sink = io.BytesIO()
    with Writer(sink, header) as writer:
        writer.write(make_codes(header, 3))
        writer.write(make_codes(header, 3)[:2])
    with pytest.raises(MixedDepth, match="truncate it to 2"):
        read_codes(io.BytesIO(sink.getvalue()))


def test_a_reader_is_read_once_and_can_be_paused(stream):
    reader = Reader(io.BytesIO(stream))
    assert next(iter(reader)).start == 0
    assert [block.start for block in reader] == [5, 10, 15, 20]
    assert list(reader) == []
