"""FORMAT.md cannot rot: its example is what the writer writes, its decoder reads what the writer writes."""

import io
import re
from pathlib import Path

import numpy as np
import pytest

import kvant.bitstream
from kvant.bitstream import AdaptiveCounts, Header, Layout, Packing, Writer, read_codes, truncate

FORMAT = (Path(kvant.bitstream.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")


def fenced(language):
    return re.search(rf"^```{language}\n(.*?)^```$", FORMAT, re.MULTILINE | re.DOTALL)[1]


@pytest.fixture(scope="module")
def example():
    """Bytes of the worked example: the first column of its listing."""
    return b"".join(bytes.fromhex(line[:48]) for line in fenced("hex").splitlines())


@pytest.fixture(scope="module")
def decode():
    """The reference decoder: stream -> blocks of (frames, gain)."""
    names = {}
    exec(compile(fenced("python"), "FORMAT.md", "exec"), names)
    return names["decode"]


def frames(blocks):
    """Without gains, which none may have."""
    assert {gain for _, gain in blocks} <= {b""}
    return [frame for block, _ in blocks for frame in block]


def test_the_example_is_what_the_writer_writes(example):
    header = Header(
        model_id="tiny",
        decoder_digest=bytes(range(32)),
        encoder_digest=bytes(32),
        codec_rate=24_000,
        source_rate=48_000,
        channels=1,
        layout=Layout.NATIVE,
        num_samples=None,
        hop_length=320,
        pre_skip=0,
        codebook_sizes=(1024, 1000),
    )
    sink = io.BytesIO()
    writer = Writer(sink, header)
    writer.write(np.array([[1, 2, 1023], [999, 0, 512]]))
    writer.close(1_900)
    assert example == sink.getvalue()
    assert f"{len(example)} bytes:" in FORMAT


def test_the_reference_decoder_reads_the_example(decode, example):
    assert frames(decode(example)) == [[1, 999], [2, 0], [1023, 512]]


@pytest.mark.parametrize("sizes", [(1024,) * 8, (1, 2, 3, 1000, 2**24), (2,) * 64])
def test_the_reference_decoder_agrees_with_the_reader(decode, make_header, make_codes, write, sizes):
    header = make_header(codebook_sizes=sizes, reset_interval=50)
    stream = write(header, make_codes(header, 180))
    assert frames(decode(stream)) == read_codes(io.BytesIO(stream))[1].T.tolist()


@pytest.mark.parametrize("coded", [True, False])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_reference_decoder_reads_frames_of_their_own_depth(decode, make_header, deep_codes, coded, channels):
    sizes = tuple(np.repeat((64, 1000, 9000, 1), channels))
    header = make_header(codebook_sizes=sizes, channels=channels, layout=Layout(channels - 1), packing=Packing.CODED)
    codes = deep_codes(header, 90)
    sink = io.BytesIO()
    with Writer(sink, header, 40, AdaptiveCounts(header.level_sizes) if coded else None) as writer:
        writer.write(codes)
    assert frames(decode(sink.getvalue())) == codes.T.tolist()
    lower = io.BytesIO()
    truncate(io.BytesIO(sink.getvalue()), lower, 2 * channels)
    assert frames(decode(lower.getvalue())) == codes[: 2 * channels].T.tolist()


@pytest.mark.parametrize("packing", Packing)
def test_the_reference_decoder_reads_segments(decode, make_header, make_codes, packing):
    header = make_header(reset_interval=15, segment_stride=4752, packing=packing)
    codes = make_codes(header, 35) // 9
    gains = [0.1, 0.0, 65536.0]
    sink = io.BytesIO()
    with Writer(sink, header, None, AdaptiveCounts(header.level_sizes) if packing else None) as writer:
        for part, gain in zip(np.split(codes, [15, 29], axis=1), gains):
            writer.write_segment(part, gain)
    blocks = decode(sink.getvalue())
    assert [frame for block, _ in blocks for frame in block] == codes.T.tolist()
    assert b"".join(gain for _, gain in blocks) == np.array(gains, "<f4").tobytes()


def test_the_reference_decoder_refuses_damage(decode, example):
    for offset in range(len(example)):
        damaged = bytearray(example)
        damaged[offset] ^= 4
        with pytest.raises((AssertionError, IndexError)):
            decode(bytes(damaged))
