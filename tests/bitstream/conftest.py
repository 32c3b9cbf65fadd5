"""Streams to test on. The fixtures are functions, so that a test says what it wants of a stream and nothing else."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from kvant.bitstream import ABSENT, Header, Layout, Writer
from kvant.bitstream.container import HEAD_BYTES, MAGIC, TAIL_BYTES, RawBlock, parse_head

settings.register_profile("repeatable", deadline=None, derandomize=True)  # a busy machine must not fail a test
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def make_header() -> Callable[..., Header]:
    """A mono header, 75 frames/s, three codebooks of which one is no power of two; keywords change it."""

    def make(**changes: Any) -> Header:
        fields: dict[str, Any] = {
            "model_id": "test",
            "decoder_digest": bytes(range(32)),
            "encoder_digest": bytes(32),
            "codec_rate": 24_000,
            "source_rate": 24_000,
            "channels": 1,
            "layout": Layout.NATIVE,
            "num_samples": None,
            "hop_length": 320,
            "pre_skip": 0,
            "codebook_sizes": (1024, 1000, 16),
        }
        return Header(**(fields | changes))

    return make


@pytest.fixture(scope="session")
def make_codes() -> Callable[[Header, int], np.ndarray]:
    """Random codes [K, num_frames] that fill the whole range of each codebook."""

    def make(header: Header, num_frames: int) -> np.ndarray:
        rng = np.random.default_rng(num_frames)
        return np.stack([rng.integers(size, size=num_frames) for size in header.codebook_sizes])

    return make


@pytest.fixture(scope="session")
def deep_codes() -> Callable[[Header, int], np.ndarray]:
    """Skewed codes [K, num_frames] in frames of depths that wander from 0 to all levels and back."""

    def make(header: Header, num_frames: int) -> np.ndarray:
        rng = np.random.default_rng(num_frames)
        steps = rng.integers(-1, 2, (header.streams, num_frames)).cumsum(axis=1)
        depths = abs(steps) % (2 * header.num_levels + 1)
        depths = np.minimum(depths, 2 * header.num_levels + 1 - depths).clip(0, header.num_levels)
        depths[:, num_frames // 2] = header.num_levels
        codes = np.full((len(header.codebook_sizes), num_frames), ABSENT)
        for slot, size in enumerate(header.codebook_sizes):
            present = depths[slot % header.streams] > slot // header.streams
            codes[slot, present] = np.minimum(rng.geometric(0.2, present.sum()), size) - 1
        return codes

    return make


@pytest.fixture(scope="session")
def write() -> Callable[..., bytes]:
    """The whole stream of `codes`, in one call to the writer."""

    def write(header: Header, codes: np.ndarray, block_frames: int | None = None) -> bytes:
        sink = io.BytesIO()
        with Writer(sink, header, block_frames) as writer:
            writer.write(codes)
        return sink.getvalue()

    return write


@pytest.fixture(scope="session")
def split() -> Callable[[bytes], list[RawBlock]]:
    """The blocks of an undamaged stream, HEADER first."""

    def split(stream: bytes) -> list[RawBlock]:
        blocks = []
        offset = len(MAGIC)
        while offset < len(stream):
            head = parse_head(stream[offset : offset + HEAD_BYTES])
            end = offset + HEAD_BYTES + head.length
            payload = stream[offset + HEAD_BYTES : end]
            blocks.append(RawBlock(offset, head.type, head.flags, head.seq, payload))
            offset = end + TAIL_BYTES
        return blocks

    return split
