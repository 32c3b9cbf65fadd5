"""Streams of released versions: every later release reads them to the same codes. Files are added, never rewritten."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kvant.bitstream import (
    ABSENT,
    AdaptiveCounts,
    Header,
    Layout,
    Packing,
    Reader,
    Writer,
    read_codes,
    truncate,
    verify,
)

HERE = Path(__file__).parent

MONO = Header(
    model_id="golden-mono",
    decoder_digest=hashlib.sha256(b"decoder").digest(),
    encoder_digest=hashlib.sha256(b"encoder").digest(),
    codec_rate=24_000,
    source_rate=44_100,
    channels=1,
    layout=Layout.NATIVE,
    num_samples=73_111,
    hop_length=320,
    pre_skip=17,
    codebook_sizes=(1024, 1000, 2, 1, 65_536, 2**24),
    reset_interval=40,
)
STEREO = Header(
    model_id="golden-stereo-é",
    decoder_digest=hashlib.sha256(b"decoder").digest(),
    encoder_digest=bytes(32),
    codec_rate=24_000,
    source_rate=48_000,
    channels=2,
    layout=Layout.STREAMS,
    num_samples=None,
    hop_length=1920,
    pre_skip=0,
    codebook_sizes=(4096,) * 8,
    strides=(4, 4, 2, 2, 1, 1, 1, 1),
)

# file, header, frames, num_samples told at the end, SHA-256 of the codes as u32 LE, frame by frame
GOLDEN = [
    ("mono-1.0.kvt", MONO, 125, None, "25f56eb1f27e44c7d002e2850b761fab1ee3f4faf5919cd4cb214500f82920d7"),
    ("stereo-1.0.kvt", STEREO, 30, 115_000, "19eed5f42ce6ae003732618098c01a3aea9cac7d58586095375f322e95d0bf5f"),
]


def golden_codes(header, num_frames):
    """Codes [K, num_frames] by a formula that depends on no random generator; each slot reaches its last entry."""
    frame = np.arange(num_frames, dtype=np.int64)
    return np.stack([(size - 1 + (slot + 1) * frame**3) % size for slot, size in enumerate(header.codebook_sizes)])


@pytest.mark.parametrize(("name", "header", "num_frames", "num_samples", "codes_hash"), GOLDEN)
def test_reads_to_the_same_codes(name, header, num_frames, num_samples, codes_hash):
    stream = (HERE / name).read_bytes()
    read_header, codes = read_codes(io.BytesIO(stream))
    assert read_header == header
    assert np.array_equal(codes, golden_codes(header, num_frames))
    assert hashlib.sha256(codes.T.astype("<u4").tobytes()).hexdigest() == codes_hash
    assert verify(io.BytesIO(stream)).ok


@pytest.mark.parametrize(("name", "header", "num_frames", "num_samples", "codes_hash"), GOLDEN)
def test_is_written_to_the_same_bytes(name, header, num_frames, num_samples, codes_hash):
    sink = io.BytesIO()
    writer = Writer(sink, header)
    writer.write(golden_codes(header, num_frames))
    writer.close(num_samples)
    assert sink.getvalue() == (HERE / name).read_bytes()


def test_truncates_to_the_same_bytes():
    sink = io.BytesIO()
    truncate(io.BytesIO((HERE / "stereo-1.0.kvt").read_bytes()), sink, 4)
    assert sink.getvalue() == (HERE / "stereo-truncated-to-4-1.0.kvt").read_bytes()


CODED = replace(
    STEREO, model_id="golden-coded", codebook_sizes=(64, 64, 1024, 1024, 16, 16, 9000, 9000), packing=Packing.CODED
)


def coded_golden_codes():
    """Codes [8, 60] that repeat, in frames of depths from 0 to 4; each level has some."""
    frame = np.arange(60, dtype=np.int64)
    depths = np.stack([np.minimum(frame // 3 % 9, 8 - frame // 3 % 9), (frame // 7) % 5])
    codes = np.stack([(size - 1 + frame**2 // 40) % size for size in CODED.codebook_sizes])
    level = np.arange(8) // 2
    return np.where(depths[np.arange(8) % 2] > level[:, None], codes, ABSENT)


def test_coded_frames_of_their_own_depth_are_the_same_bytes():
    """Blocks of 12.5 frames a second, two seconds each; counts that adapt code depths and the levels that repeat."""
    stream = (HERE / "coded-1.1.kvt").read_bytes()
    header, codes = read_codes(io.BytesIO(stream))
    assert header == CODED
    np.testing.assert_array_equal(codes, coded_golden_codes())
    sink = io.BytesIO()
    writer = Writer(sink, CODED, None, AdaptiveCounts(CODED.level_sizes))
    writer.write(codes)
    writer.close(115_000)
    assert sink.getvalue() == stream
    assert hashlib.sha256(stream).hexdigest() == "5d0e712ec420d35de0b291c212894f84348a3307d87c2bbe58f6d9aa08655c58"
    lower = io.BytesIO()
    truncate(io.BytesIO(stream), lower, 4)
    assert lower.getvalue() == (HERE / "coded-truncated-to-4-1.1.kvt").read_bytes()
    np.testing.assert_array_equal(read_codes(io.BytesIO(lower.getvalue()))[1], codes[:4])


SEGMENTED = replace(
    MONO,
    model_id="golden-segmented",
    codec_rate=48_000,
    source_rate=48_000,
    channels=2,
    num_samples=36_850,
    pre_skip=0,
    codebook_sizes=(1024,) * 4,
    strides=(),
    reset_interval=30,
    segment_stride=9_200,
)


def test_segments_with_their_gains_are_the_same_bytes():
    """Three whole segments, one that lacks a frame, and the frame that only the last one has."""
    stream = (HERE / "segmented-1.2.kvt").read_bytes()
    reader = Reader(io.BytesIO(stream), strict=True)
    sink, lower = io.BytesIO(), io.BytesIO()
    writer = Writer(sink, SEGMENTED)
    cuts = np.split(golden_codes(SEGMENTED, 120), [30, 60, 90, 119], axis=1)
    for part, gain, block in zip(cuts, [0.1, 1e-8, 0.0, 1.0, 2.5], reader, strict=True):
        assert block.gain == np.float32(gain)
        np.testing.assert_array_equal(block.codes, part)
        writer.write_segment(part, gain)
    writer.close()
    assert reader.header == SEGMENTED
    assert sink.getvalue() == stream
    assert hashlib.sha256(stream).hexdigest() == "ac2d5b571e089beee70d3d4a74f8b7ac741f232186b2656cbc327914b60b6238"
    truncate(io.BytesIO(stream), lower, 2)
    assert [block.gain for block in Reader(io.BytesIO(lower.getvalue()))] == [
        np.float32(g) for g in (0.1, 1e-8, 0, 1, 2.5)
    ]
    assert verify(io.BytesIO(lower.getvalue())).ok
