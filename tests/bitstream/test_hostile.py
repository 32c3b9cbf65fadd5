"""Streams made to hurt: only named errors, no memory without bytes behind it, work in proportion to the bytes."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from kvant.bitstream import (
    ABSENT,
    AdaptiveCounts,
    Layout,
    Packing,
    Reader,
    Writer,
    info,
    read_codes,
    seek,
    truncate,
    verify,
)
from kvant.bitstream.audio_block import CODED
from kvant.bitstream.container import HEAD_BYTES, MAGIC, BlockType, frame_block
from kvant.bitstream.fields import varint
from kvant.bitstream.range_coder import RangeDecoder
from kvant.errors import BitstreamError, UsageError

MEGABYTE = 1 << 20


def peak_memory(work):
    """Bytes that `work()` had allocated at its worst."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def read(source):
    """Whatever comes out of a reader can be decoded: in order, and within the codebooks."""
    reader = Reader(source)
    sizes = np.array(reader.header.codebook_sizes)
    due = 0
    for block in reader:
        assert block.start >= due
        due = block.start + block.codes.shape[1]
        assert block.codes.min() >= 0
        assert (block.codes.max(axis=1) < sizes[: len(block.codes)]).all()


def truncate_to_2(source):
    truncate(source, io.BytesIO(), 2)


def seek_and_read(source):
    list(seek(source, 8))


WAYS = [read, verify, info, read_codes, truncate_to_2, seek_and_read]


def ends_well_or_named(way, stream):
    try:
        way(io.BytesIO(stream))
    except BitstreamError:
        pass
    except UsageError:  # the wish for two codebooks, of a mutated header that has one or 64 channels
        assert way is truncate_to_2


def mutate_bytes(rng, stream):
    """A few changes to a stream as bytes: checksums notice."""
    data = bytearray(stream)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(data) + 1))
        match rng.integers(5):
            case 0:
                data[at : at + 1] = rng.bytes(1)
            case 1:
                del data[at : at + int(rng.integers(1, 40))]
            case 2:
                data[at:at] = rng.bytes(int(rng.integers(1, 40)))
            case 3:
                data[at:at] = data[: int(rng.integers(len(data) + 1))]
            case 4:
                del data[at:]
    return bytes(data)


def mutate_fields(rng, blocks):
    """A few changes to the fields and payloads of blocks, with checksums computed anew."""
    blocks = list(blocks)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(blocks)))
        block = blocks[at]
        payload = bytearray(block.payload)
        place = int(rng.integers(len(payload) + 1))
        match rng.integers(8):
            case 0:
                payload[place : place + 1] = rng.bytes(1)
            case 1:
                payload[place : place + int(rng.integers(1, 9))] = rng.choice([b"\0", b"\xff"]) * 4
            case 2:
                del payload[place:]
            case 3:
                block = block._replace(flags=int(rng.integers(256)))
            case 4:
                block = block._replace(type=int(rng.integers(256)))
            case 5:
                block = block._replace(seq=int(rng.choice([0, 1, block.seq ^ 8, 2**32 - 1])))
            case 6:
                blocks.append(block)
            case 7:
                payload[:1] = varint(int(rng.choice([0, 127, 128, 65_535, 65_536])))
        blocks[at] = block._replace(payload=bytes(payload))
    return MAGIC + b"".join(frame_block(block.type, block.seq, block.payload, block.flags) for block in blocks)


def test_20_000_mutated_streams(make_header, make_codes, write, split):
    rng = np.random.default_rng(1)
    mono = make_header(reset_interval=8)
    stereo = make_header(channels=2, layout=Layout.STREAMS, codebook_sizes=(1024, 5, 1024, 5), num_samples=5000)
    streams = [write(header, make_codes(header, 16), block_frames=8) for header in (mono, stereo)]
    blocks = [split(stream) for stream in streams]

    for index in range(10_000):
        for stream in (mutate_bytes(rng, streams[index % 2]), mutate_fields(rng, blocks[index % 2])):
            ends_well_or_named(read, stream)
            way = WAYS[index // 2 % len(WAYS)]
            if index % 22 < 2:  # measuring takes ten times as long as reading
                assert peak_memory(lambda way=way, stream=stream: ends_well_or_named(way, stream)) < 4 * MEGABYTE
            else:
                ends_well_or_named(way, stream)


def test_500_mutated_streams_of_coded_frames(make_header, deep_codes, split, monkeypatch):
    """No byte makes a reader decode more than 32 symbols, whatever is claimed; what comes out is in the codebooks."""
    decoded = 0

    def counting(decoder, starts):
        nonlocal decoded
        decoded += 1
        return get(decoder, starts)

    get = RangeDecoder.get
    monkeypatch.setattr(RangeDecoder, "get", counting)
    rng = np.random.default_rng(2)
    sizes = (64, 64, 5, 5, 300, 300)
    header = make_header(channels=2, layout=Layout.STREAMS, codebook_sizes=sizes, packing=Packing.CODED)
    sink = io.BytesIO()
    with Writer(sink, header, 20, AdaptiveCounts(header.level_sizes)) as writer:
        writer.write(deep_codes(header, 40))
    blocks = split(sink.getvalue())
    assert any(block.flags & CODED for block in blocks)
    changed = 0
    for index in range(500):
        stream = (mutate_bytes(rng, sink.getvalue()), mutate_fields(rng, blocks))[index % 10 > 1]
        decoded = 0
        try:
            reader = Reader(io.BytesIO(stream))
            for block in reader:
                sizes_now = np.array(reader.header.codebook_sizes[: len(block.codes)])[:, None]
                assert ((block.codes >= ABSENT) & (block.codes < sizes_now)).all()
                changed += bool(block.audio.coded)
        except BitstreamError:
            pass
        assert decoded <= 32 * len(stream)
        way = WAYS[1 + index % (len(WAYS) - 1)]
        ends_well_or_named(way, stream)
    assert changed > 250


def test_2_000_mutated_streams_of_segments(make_header, make_codes, split):
    """Gains that come out are numbers that a decoder can multiply by, and no frame comes twice."""
    rng = np.random.default_rng(3)
    header = make_header(reset_interval=8, segment_stride=2300)
    sink = io.BytesIO()
    with Writer(sink, header) as writer:
        for index, part in enumerate(np.split(make_codes(header, 30), [8, 16, 24, 29], axis=1)):
            writer.write_segment(part, 0.1 * index)
    blocks = split(sink.getvalue())
    gains = 0
    for index in range(2_000):
        stream = (mutate_bytes(rng, sink.getvalue()), mutate_fields(rng, blocks))[index % 10 > 1]
        ends_well_or_named(read, stream)
        ends_well_or_named(WAYS[index % len(WAYS)], stream)
        try:
            for block in Reader(io.BytesIO(stream)):
                assert block.gain is None or 0 <= block.gain <= 65536
                gains += block.gain is not None
        except BitstreamError:
            pass
    assert gains > 2_000


def header_claiming(make_header, offset, layout, value):
    payload = bytearray(make_header().to_bytes())
    struct.pack_into(layout, payload, offset, value)
    return MAGIC + frame_block(BlockType.HEADER, 0, bytes(payload))


@pytest.mark.parametrize(
    "block",
    [
        frame_block(BlockType.AUDIO, 0, b"\xff\xff\x03\x03" + b"\x00" * 3),
        frame_block(BlockType.AUDIO, 0, b"\xff\xff\x03\x03" + b"\xff\xff\x7f" * 3),
        frame_block(BlockType.AUDIO, 2**32 - 65_536, b"\xff\xff\x03\x01\x00"),
        frame_block(BlockType.AUDIO, 2**32 - 2, b"\x01\x01\x02\x00\x00"),
        frame_block(BlockType.END, 0, struct.pack("<QQ32s", 2**64 - 1, 2**63, bytes(32))),
        frame_block(BlockType.META, 0, bytes(16 * MEGABYTE - 1))[:HEAD_BYTES],
        frame_block(BlockType.META, 0, bytes(MEGABYTE))[:HEAD_BYTES],
        frame_block(0xFF, 0, bytes(MEGABYTE))[:HEAD_BYTES],
    ],
)
def test_a_block_that_claims_much_takes_little(make_header, block):
    stream = MAGIC + frame_block(BlockType.HEADER, 0, make_header().to_bytes()) + block
    for way in WAYS:
        assert peak_memory(lambda way=way: ends_well_or_named(way, stream)) < 4 * MEGABYTE
    assert not verify(io.BytesIO(stream)).ok


@pytest.mark.parametrize(
    ("offset", "layout", "value", "named"),
    [
        (2 + 64 + 5 + 8, "<B", 255, "channels is 255"),
        (2 + 64 + 5 + 10, "<Q", 2**63, None),
        (2 + 64 + 5 + 18, "<I", 2**32 - 1, "hop_length is 4294967295"),
        (2 + 64 + 5 + 22, "<I", 2**32 - 1, None),
        (2 + 64 + 5 + 26, "<B", 255, "ends inside a field"),
        (2 + 64 + 5, "<I", 2**32 - 1, "codec_rate is 4294967295"),
    ],
)
def test_a_header_that_claims_much_is_refused_or_takes_little(make_header, offset, layout, value, named):
    stream = header_claiming(make_header, offset, layout, value)
    for way in WAYS:
        assert peak_memory(lambda way=way: ends_well_or_named(way, stream)) < 4 * MEGABYTE
    if named:
        with pytest.raises(BitstreamError, match=named):
            Reader(io.BytesIO(stream))
    else:
        assert info(io.BytesIO(stream)).duration_seconds == 0


def test_a_claimed_length_is_not_asked_of_the_source_at_once(make_header):
    asked = []

    class Source(io.BytesIO):
        def read(self, n=-1):
            asked.append(n)
            return super().read(n)

    head = frame_block(BlockType.META, 0, bytes(MEGABYTE))[:HEAD_BYTES]
    list(Reader(Source(MAGIC + frame_block(BlockType.HEADER, 0, make_header().to_bytes()) + head + bytes(200_000))))
    assert max(asked) <= 2**16


def test_the_largest_block_of_the_smallest_codes_stays_small(make_header):
    header = make_header(codebook_sizes=(1,) * 64)
    num_frames = 8 * 1000
    counts = varint(num_frames) + bytes([64]) + varint(1000) * 64
    stream = MAGIC + frame_block(BlockType.HEADER, 0, header.to_bytes())
    stream += frame_block(BlockType.AUDIO, 0, counts + bytes(64 * 1000), 1)
    blocks = []
    assert peak_memory(lambda: blocks.extend(Reader(io.BytesIO(stream)))) < 16 * MEGABYTE
    assert blocks[0].codes.shape == (64, num_frames)


@pytest.mark.parametrize("block_type", [BlockType.AUDIO, BlockType.META])
def test_forged_heads_that_overlap_cost_no_more_than_a_few_checks_per_byte(make_header, monkeypatch, block_type):
    # Each of these heads claims the 64 KiB or 1 MiB behind it: checked one by one, 12 bytes would cost as much.
    length = 2**16 if block_type == BlockType.AUDIO else 2**20
    forged = frame_block(block_type, 0, bytes(length))[:HEAD_BYTES] * (2 * length // HEAD_BYTES)
    stream = MAGIC + frame_block(BlockType.HEADER, 0, make_header().to_bytes()) + forged
    checked = 0

    def counting_crc32(data):
        nonlocal checked
        checked += len(data)
        return crc32(data)

    crc32 = zlib.crc32
    monkeypatch.setattr(zlib, "crc32", counting_crc32)
    reader = Reader(io.BytesIO(stream))
    assert list(reader) == []
    assert ["given up" in damage.reason for damage in reader.damage] == [False, True]
    assert checked < 8 * len(stream) + 4 * MEGABYTE


def test_a_long_stream_of_syncs(make_header):
    stream = MAGIC + frame_block(BlockType.HEADER, 0, make_header().to_bytes()) + b"\xd6K" * 50_000
    assert [damage.frame for damage in verify(io.BytesIO(stream)).damage] == [0]
