"""`info` and `verify`: what they say of known streams."""

import io
import json

import pytest

from kvant.bitstream import Layout, Writer, info, verify
from kvant.errors import BitstreamError


def test_info_of_a_known_stream(make_header, make_codes, write):
    header = make_header(codebook_sizes=(1024,) * 8, num_samples=48_000)
    stream = write(header, make_codes(header, 150)[:4])
    about = info(io.BytesIO(stream))
    assert about.header == header
    assert (about.frames, about.num_codebooks, about.num_samples) == (150, 4, 48_000)
    assert about.duration_seconds == 2.0
    assert about.payload_bits == 2 * 4 * 94 * 8  # two blocks of 75 codes of 10 bits: 93.75 bytes a layer
    assert about.payload_bitrate == about.payload_bits / 2
    assert about.payload_bitrate == pytest.approx(header.bitrate(4), rel=0.003)
    assert about.file_bytes == len(stream)
    assert about.file_bitrate == len(stream) * 8 / 2
    assert about.complete


def test_framing_of_a_file_at_1100_bits_per_second_costs_a_quarter_kilobit(make_header, make_codes, write):
    header = make_header(hop_length=1920, codebook_sizes=(2048,) * 8)
    about = info(io.BytesIO(write(header, make_codes(header, 7500))))
    assert header.bitrate() == 1100.0
    # a block of 12 frames, 0.96 s: 16 bytes of frame, 10 of counts, 8 times half a byte of padding
    assert about.file_bitrate - header.bitrate() == pytest.approx((16 + 10 + 4) * 8 / 0.96, rel=0.03)


@pytest.mark.parametrize(("num_samples", "seconds"), [(None, 2.0), (47_000, 47_000 / 24_000), (2**63, 2.0), (0, 0.0)])
def test_a_duration_is_shortened_by_num_samples_and_never_lengthened(
    make_header, make_codes, write, num_samples, seconds
):
    header = make_header(num_samples=num_samples)
    about = info(io.BytesIO(write(header, make_codes(header, 150))))
    assert about.duration_seconds == seconds
    assert about.num_samples == num_samples


def test_num_samples_is_taken_from_end(make_header, make_codes):
    sink = io.BytesIO()
    writer = Writer(sink, make_header())
    writer.write(make_codes(make_header(), 10))
    writer.close(3_000)
    assert info(io.BytesIO(sink.getvalue())).num_samples == 3_000


def test_info_of_an_empty_and_of_a_cut_stream(make_header, make_codes, write):
    header = make_header()
    about = info(io.BytesIO(write(header, make_codes(header, 0))))
    assert (about.frames, about.num_codebooks, about.payload_bitrate, about.file_bitrate) == (0, 0, 0.0, 0.0)
    assert about.complete
    cut = write(header, make_codes(header, 100))[:-70]
    about = info(io.BytesIO(cut))
    assert (about.frames, about.file_bytes, about.complete) == (75, len(cut), False)


def test_info_can_be_written_as_json(make_header, make_codes, write):
    header = make_header(channels=2, layout=Layout.STREAMS, codebook_sizes=(1024, 1024))
    said = json.loads(json.dumps(info(io.BytesIO(write(header, make_codes(header, 10)))).to_dict()))
    assert said["frames"] == 10
    assert said["header"]["layout"] == "streams"
    assert said["header"]["decoder_digest"] == bytes(range(32)).hex()
    assert said["header"]["codebook_sizes"] == [1024, 1024]
    assert said["header"]["frame_rate"] == 75.0


def test_verify_of_a_sound_stream(make_header, make_codes, write):
    header = make_header()
    report = verify(io.BytesIO(write(header, make_codes(header, 200))))
    assert report == (3, 200, 0, [], True, True)
    assert report.ok


def test_verify_counts_what_is_missing(make_header, make_codes, write, split):
    header = make_header()
    stream = bytearray(write(header, make_codes(header, 200)))
    offset = split(bytes(stream))[2].offset
    stream[offset + 40] ^= 1
    report = verify(io.BytesIO(stream))
    assert (report.blocks, report.frames, report.lost_frames) == (2, 125, 75)
    assert report.damage == [(offset, "CRC-32 of the AUDIO block does not match", 75, 75)]
    assert report.hash_ok is False
    assert not report.complete
    assert not report.ok


def test_verify_notices_bytes_behind_the_end(make_header, make_codes, write):
    header = make_header()
    stream = write(header, make_codes(header, 10))
    report = verify(io.BytesIO(stream + stream))
    assert report.complete
    assert report.hash_ok
    assert report.damage == [(len(stream), "more bytes follow the END block", 10, 0)]
    assert not report.ok


def test_verify_raises_where_there_is_nothing_to_report_on():
    with pytest.raises(BitstreamError):
        verify(io.BytesIO(b"RIFF"))
