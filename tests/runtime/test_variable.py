"""Frames that get the levels they need: what a limit promises, and streams of such frames from wav to wav."""

import io
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

import kvant
from kvant.audio import open_audio, write
from kvant.bitstream import ABSENT, Packing, Reader, info, read_codes, truncate, verify
from kvant.bitstream.entropy_models.tables import counted
from kvant.errors import ModelError, UsageError
from kvant.runtime.beam import BeamEncoder
from kvant.runtime.files import decode_file, encode_file
from kvant.runtime.packing import Packed
from kvant.runtime.rate_search import Found, Recording
from kvant.runtime.search import Search
from kvant.runtime.variable import limit_for

LIMITS = {"750": 150.0, "1500": 65.0, "3000": 25.0}


@pytest.fixture
def calibrated(codec: kvant.Codec, monkeypatch: pytest.MonkeyPatch) -> kvant.Codec:
    """The shipped model with another table of limits, which are those of all recordings, and no entropy model."""

    def from_table(recording: Recording, codec: kvant.Codec, bitrate: float, beam: int, how: Packed) -> Found:
        return Found(codec.limit(bitrate), bitrate, False)

    monkeypatch.setattr(codec, "metadata", codec.metadata | {"variable": {"limits": LIMITS}})
    monkeypatch.setattr(codec, "entropy_model", None)
    monkeypatch.setattr("kvant.runtime.memory.find_limit", from_table)
    monkeypatch.setattr("kvant.runtime.memory.kept", lambda name: codec)
    monkeypatch.setattr("kvant.runtime.files.kept", lambda name: codec)
    return codec


def latents_of(codec: kvant.Codec, wav: np.ndarray) -> np.ndarray:
    """[T, D] of wav [N], whole hops of it."""
    hops = wav[: len(wav) // 320 * 320].reshape(1, -1, 320)
    return codec.encoder.step(hops, codec.encoder.initial_state(1), "latents")[0][0].T


def books_of(codec: kvant.Codec) -> list[np.ndarray]:
    return codec.encoder_for(8, 2)._codebooks


@pytest.mark.parametrize("beam", [1, 3])
def test_a_depth_is_the_first_that_comes_below_the_limit(codec: kvant.Codec, speech: np.ndarray, beam: int) -> None:
    """And the codes are those that a search for so many levels finds."""
    latents, books, limit = latents_of(codec, speech[:48_000]), books_of(codec), 40.0
    found = BeamEncoder(codec.encoder, books, beam, limit).search(latents)
    depths = (found != ABSENT).sum(axis=1)
    assert set(depths) >= {1, 2, 3, 4, 8}
    expected = np.full(len(latents), 8)
    for depth in range(8, 0, -1):
        codes = BeamEncoder(codec.encoder, books[:depth], beam).search(latents)
        sums = sum(book[level] for book, level in zip(books, codes.T))
        expected[np.square(latents - sums).sum(axis=1) < limit] = depth
        chosen = depths == depth
        np.testing.assert_array_equal(found[chosen, :depth], codes[chosen])
    np.testing.assert_array_equal(depths, expected)


def test_limits_between_those_of_the_table_are_geometric_means() -> None:
    metadata = {"name": "m", "variable": {"limits": LIMITS}}
    assert limit_for(metadata, 1500) == pytest.approx(65)
    assert limit_for(metadata, (750 * 1500) ** 0.5) == pytest.approx((150 * 65) ** 0.5)
    for rate in (700, 3100):
        with pytest.raises(UsageError, match=r"the variable bitrates of m are 0.75 to 3 kbit/s"):
            limit_for(metadata, rate)
    table = {"574.1": 80.0, "6668.9": 1.5}
    with pytest.raises(UsageError, match=r"of m are 0\.58 to 6\.66 kbit/s"):
        limit_for({"name": "m", "variable": {"limits": table}}, 7000)
    for rate in (580, 6660):
        assert 1.5 < limit_for({"variable": {"limits": table}}, rate) < 80
    with pytest.raises(ModelError, match="no table of limits"):
        limit_for({"name": "m"}, 1500)
    with pytest.raises(ModelError, match="garbled"):
        limit_for({"variable": {"limits": [1, 2]}}, 1500)


def test_variable_streams_decode_to_what_their_codes_do(calibrated: kvant.Codec, speech: np.ndarray) -> None:
    wav = np.stack([speech[:60_000], speech[100_000:160_000]])
    data = kvant.compress(wav, 24_000, bitrate=1500, variable=True)
    codes = calibrated.encode(wav, 24_000, limit=65.0)
    depths = (codes.codes != ABSENT).sum(axis=1)
    assert depths.min() == 1
    assert 1.2 < depths.mean() < depths.max() - 2
    told = info(io.BytesIO(data))
    assert told.mean_depth == pytest.approx(depths.mean())
    assert told.coded_share > 0.9
    heard, rate = kvant.decompress(data)
    assert rate == 24_000
    np.testing.assert_allclose(heard, calibrated.decode(codes), atol=1e-5)
    assert np.corrcoef(heard[0], wav[0])[0, 1] > 0.5
    raw = kvant.compress(wav, 24_000, bitrate=1500, variable=True, packing=Packing.RAW)
    np.testing.assert_array_equal(kvant.decompress(raw)[0], heard)
    assert len(data) < len(raw)


def test_live_frames_of_their_own_depth_decode_alike(
    tmp_path: Path, calibrated: kvant.Codec, speech: np.ndarray
) -> None:
    """Blocks of one frame, each with as many slots as it needs."""
    write(tmp_path / "in.wav", speech[None, :50_000], 24_000, subtype="FLOAT")
    heard = []
    for live in (True, False):
        sink = io.BytesIO()
        with open_audio(tmp_path / "in.wav") as source:
            encode_file(source, sink, calibrated, Search(limit=65.0), live=live)
        sink.seek(0)
        heard.append(kvant.decompress(sink.getvalue())[0])
        assert len({len(block.codes) for block in Reader(sink)}) > (3 if live else 0)
    np.testing.assert_allclose(*heard, atol=1e-5)


def test_a_truncated_variable_stream_has_depths_up_to_its_own(calibrated: kvant.Codec, speech: np.ndarray) -> None:
    data = kvant.compress(speech[:60_000], 24_000, bitrate=3000, variable=True)
    lower = io.BytesIO()
    truncate(io.BytesIO(data), lower, 2)
    codes = read_codes(io.BytesIO(data))[1]
    np.testing.assert_array_equal(read_codes(io.BytesIO(lower.getvalue()))[1], codes[:2])
    limited = calibrated.encode(speech[:60_000], 24_000, num_codebooks=2, limit=25.0)
    np.testing.assert_array_equal(limited.codes[0], codes[:2])
    np.testing.assert_allclose(kvant.decompress(lower.getvalue())[0], calibrated.decode(limited), atol=1e-5)


def test_a_codec_codes_with_its_entropy_model(
    calibrated: kvant.Codec, speech: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If asked to; another in its place is refused by name, and so is none."""
    codes = calibrated.encode(speech, 24_000).codes
    model = counted(codes, calibrated.codebook_sizes, 150)
    monkeypatch.setattr(calibrated, "entropy_model", model)
    data = kvant.compress(speech, 24_000, packing=Packing.CODED)
    raw = kvant.compress(speech, 24_000)
    assert len(data) < 0.98 * len(raw)
    assert Reader(io.BytesIO(data)).header.table_digest == model.digest
    np.testing.assert_array_equal(read_codes(io.BytesIO(data), model)[1], codes[0])
    np.testing.assert_array_equal(kvant.decompress(data)[0], kvant.decompress(raw)[0])
    assert verify(io.BytesIO(data), lambda header: model).ok
    for other in (None, counted(codes[:, :, ::2], calibrated.codebook_sizes, 150)):
        monkeypatch.setattr(calibrated, "entropy_model", other)
        with pytest.raises(ModelError, match=model.digest.hex()[:16]):
            kvant.decompress(data)


def test_lost_variable_blocks_become_silence(calibrated: kvant.Codec, speech: np.ndarray) -> None:
    data = bytearray(kvant.compress(speech, 24_000, bitrate=1500, variable=True))
    clean = kvant.decompress(bytes(data))[0]
    data[len(data) // 2] ^= 1
    heard: list[np.ndarray] = []

    class Sink:
        def write(self, block: np.ndarray) -> None:
            heard.append(block)

    report = decode_file(Reader(io.BytesIO(data)), lambda rate, channels: nullcontext(Sink()), calibrated)
    wav = np.concatenate(heard, axis=1)
    assert report.lost_frames == 150
    assert wav.shape == clean.shape
    lost = np.flatnonzero((wav == 0).all(axis=0))
    np.testing.assert_allclose(wav[:, lost[-1] + 40 * 320 :], clean[:, lost[-1] + 40 * 320 :], atol=1e-5)


def test_what_a_variable_bitrate_needs_is_asked_for(codec: kvant.Codec, speech: np.ndarray) -> None:
    with pytest.raises(UsageError, match="give bitrate"):
        kvant.compress(speech[:1000], 24_000, variable=True)
    with pytest.raises(ModelError, match="no table of limits"):
        limit_for({"name": "m"}, 1500)
    with pytest.raises(UsageError, match="above 0"):
        codec.encode(speech[:1000], 24_000, limit=0)


def test_a_graph_that_knows_no_absent_codes_is_refused(codec: kvant.Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.zeros((1, 8, 5), np.int64)
    codes[:, 3:, 2] = ABSENT
    assert codec.takes_absent
    codec.decoder_stream().push(codes)
    monkeypatch.setattr(codec, "takes_absent", False)
    with pytest.raises(ModelError, match="export it again"):
        codec.decoder_stream().push(codes)
    codes[:, 5, 2] = 0
    with pytest.raises(UsageError, match="behind an absent one"):
        codec.decoder_stream().push(codes)
