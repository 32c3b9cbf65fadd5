"""The writer: the same codes make the same bytes, in blocks that end where they must."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvant.bitstream import Layout, Reader, Writer, info, read_codes, verify
from kvant.errors import UsageError


@given(cuts=st.lists(st.integers(0, 60)), block_frames=st.integers(1, 20), reset_interval=st.integers(0, 25))
def test_the_cutting_into_calls_does_not_show(make_header, make_codes, write, cuts, block_frames, reset_interval):
    header = make_header(reset_interval=reset_interval)
    codes = make_codes(header, 60)
    sink = io.BytesIO()
    with Writer(sink, header, block_frames) as writer:
        for part in np.split(codes, sorted(cuts), axis=1):
            writer.write(part)
    assert sink.getvalue() == write(header, codes, block_frames)


@pytest.mark.parametrize("num_frames", [0, 1, 74, 75, 76, 200])
def test_codes_come_back(make_header, make_codes, write, num_frames):
    header = make_header()
    codes = make_codes(header, num_frames)
    read_header, read = read_codes(io.BytesIO(write(header, codes)))
    assert read_header == header
    assert read.dtype == np.int64
    np.testing.assert_array_equal(read, codes)


def test_a_block_is_about_a_second(make_header, make_codes, write):
    header = make_header()
    lengths = [block.codes.shape[1] for block in Reader(io.BytesIO(write(header, make_codes(header, 200))))]
    assert lengths == [75, 75, 50]


def test_a_block_keeps_under_its_cap_at_any_rate(make_header, make_codes, write):
    header = make_header(codec_rate=768_000, source_rate=768_000, hop_length=1, codebook_sizes=(2**24,) * 64)
    codes = make_codes(header, 1000)
    stream = write(header, codes)
    assert verify(io.BytesIO(stream)).ok
    np.testing.assert_array_equal(read_codes(io.BytesIO(stream))[1], codes)
    with pytest.raises(UsageError, match="block_frames is 65536"):
        Writer(io.BytesIO(), header, 65536)
    with pytest.raises(UsageError, match="block_frames is 0"):
        Writer(io.BytesIO(), header, 0)


def test_the_longest_block_and_one_bit_a_frame(make_header, write):
    header = make_header(codebook_sizes=(1,))
    stream = write(header, np.zeros((1, 70_000), np.int64), 65_535)
    assert [block.codes.shape for block in Reader(io.BytesIO(stream))] == [(1, 65_535), (1, 4_465)]


def test_a_live_stream_has_every_frame_out_at_once(make_header, make_codes):
    header = make_header()
    codes = make_codes(header, 5)
    sink = io.BytesIO()
    writer = Writer(sink, header, block_frames=1)
    for frame in range(5):
        writer.write(codes[:, frame : frame + 1])
        blocks = list(Reader(io.BytesIO(sink.getvalue())))
        assert [block.start for block in blocks] == list(range(frame + 1))
        np.testing.assert_array_equal(blocks[-1].codes, codes[:, frame : frame + 1])


def test_blocks_end_at_resets(make_header, make_codes, write):
    header = make_header(reset_interval=10)
    blocks = list(Reader(io.BytesIO(write(header, make_codes(header, 24), block_frames=7))))
    assert [(block.start, block.reset) for block in blocks] == [
        (0, True),
        (7, False),
        (10, True),
        (17, False),
        (20, True),
    ]
    header = make_header()
    blocks = list(Reader(io.BytesIO(write(header, make_codes(header, 24), block_frames=12))))
    assert [(block.start, block.reset) for block in blocks] == [(0, True), (12, False)]


def test_the_number_of_codebooks_may_change_on_the_way(make_header, make_codes):
    header = make_header()
    codes = make_codes(header, 12)
    sink = io.BytesIO()
    with Writer(sink, header, block_frames=5) as writer:
        writer.write(codes[:2, :3])
        writer.write(codes[:3, 3:3])  # no frames, no change
        writer.write(codes[:2, 3:7])
        writer.write(codes[:3, 7:12])
    blocks = list(Reader(io.BytesIO(sink.getvalue())))
    assert [(block.start, *block.codes.shape) for block in blocks] == [(0, 2, 5), (5, 2, 2), (7, 3, 5)]
    for block in blocks:
        depth, length = block.codes.shape
        np.testing.assert_array_equal(block.codes, codes[:depth, block.start : block.start + length])
    assert verify(io.BytesIO(sink.getvalue())).ok
    assert info(io.BytesIO(sink.getvalue())).num_codebooks == 3


@pytest.mark.parametrize(
    "codes",
    [
        np.zeros((4, 2), int),
        np.zeros((0, 2), int),
        np.zeros(3, int),
        np.zeros((1, 3, 2), int),
        np.zeros((3, 2), float),
        np.zeros((3, 2), bool),
    ],
)
def test_arrays_that_are_no_codes_are_refused(make_header, codes):
    with pytest.raises(UsageError):
        Writer(io.BytesIO(), make_header()).write(codes)


@pytest.mark.parametrize(("slot", "value"), [(0, 1024), (1, 1000), (2, 16), (2, -1), (0, 2**40)])
def test_a_code_outside_its_codebook_is_refused_and_nothing_of_the_call_is_written(
    make_header, make_codes, slot, value
):
    header = make_header()
    codes = make_codes(header, 9)
    sink = io.BytesIO()
    writer = Writer(sink, header, block_frames=1)
    before = sink.getvalue()
    wrong = codes.copy()
    wrong[slot, 4] = value
    with pytest.raises(UsageError, match=f"code {value} in slot {slot}, frame 4 "):
        writer.write(wrong)
    assert sink.getvalue() == before
    writer.write(codes)
    writer.close()
    assert verify(io.BytesIO(sink.getvalue())).ok


def test_streams_are_written_with_whole_levels_only(make_header, make_codes):
    header = make_header(channels=2, layout=Layout.STREAMS, codebook_sizes=(1024,) * 6)
    with pytest.raises(UsageError, match="multiple of 2"):
        Writer(io.BytesIO(), header).write(make_codes(header, 3)[:3])


def test_payload_bits_count_the_layers_alone(make_header, make_codes):
    header = make_header()  # 10, 10 and 4 bits
    writer = Writer(io.BytesIO(), header, block_frames=4)
    writer.write(make_codes(header, 7))
    assert writer.payload_bits == 8 * (5 + 5 + 2)
    writer.close()
    assert writer.payload_bits == 8 * (5 + 5 + 2) + 8 * (4 + 4 + 2)


def test_no_end_after_an_exception(make_header, make_codes):
    header = make_header()
    sink = io.BytesIO()

    def record():
        with Writer(sink, header, block_frames=2) as writer:
            writer.write(make_codes(header, 5))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record()
    report = verify(io.BytesIO(sink.getvalue()))
    assert report.frames == 4
    assert not report.complete


def test_num_samples_in_end(make_header):
    def close(header_says, close_says):
        sink = io.BytesIO()
        writer = Writer(sink, make_header(num_samples=header_says))
        writer.close(close_says)
        writer.close()  # a second time changes nothing
        reader = Reader(io.BytesIO(sink.getvalue()))
        list(reader)
        return reader.end.num_samples

    assert close(None, None) is None
    assert close(None, 700) == 700
    assert close(700, None) == 700
    assert close(700, 700) == 700
    assert close(700, 699) == 699  # the source was cut short
    for header_says, close_says in [(700, 701), (None, -1), (None, 2**64 - 1)]:
        with pytest.raises(UsageError):
            close(header_says, close_says)


def test_a_closed_writer_takes_no_more(make_header, make_codes):
    writer = Writer(io.BytesIO(), make_header())
    writer.close()
    with pytest.raises(UsageError, match="closed"):
        writer.write(make_codes(make_header(), 1))
