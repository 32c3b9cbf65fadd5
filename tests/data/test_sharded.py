"""Shards: every recording once an epoch, the same items however a run comes to them, and damage that is named."""

import gzip
import io
import logging
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from kvant.data import ShardedSegments, TarShards
from kvant.errors import AudioError, UsageError
from tests.data.conftest import RATE, flac, noise

PER_SHARD = 4


def shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def constant(level: int, num_samples: int = 2000) -> bytes:
    """A recording whose samples, each `level` / 32768, tell which it is."""
    return flac(np.full(num_samples, level, np.int16))


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Five shards of four recordings with their metadata: levels 1000, 1100, ..."""
    paths = []
    for number in range(5):
        members: dict[str, bytes] = {}
        for k in range(PER_SHARD):
            level = 1000 + 100 * (number * PER_SHARD + k)
            members |= {f"{k:03}.flac": constant(level), f"{k:03}.json": b'{"speaker": "ann"}'}
        paths.append(shard(tmp_path / f"{number:03}.tar", members))
    return paths


def segments(shards: list[Path], seconds: float = 0.01, seed: int = 3, mixed: int = 8) -> ShardedSegments:
    return ShardedSegments(TarShards(shards), RATE, seconds, seed, (0, 0), mixed)


def levels(source: ShardedSegments, start: int, stop: int) -> list[int]:
    return [round(float(source.item(k)[0].max()) * 32768) for k in range(start, stop)]


def test_every_recording_once_an_epoch_each_time_in_another_order(shards: list[Path]) -> None:
    source = segments(shards, mixed=2)
    first, second = levels(source, 0, 20), levels(source, 20, 40)
    assert sorted(first) == sorted(second) == list(range(1000, 3000, 100))
    assert first != second
    assert first != levels(segments(shards, seed=4, mixed=2), 0, 20)


def test_a_run_resumes_anywhere(shards: list[Path]) -> None:
    """Items in order, backwards, and in batches from the middle are the same."""
    source = segments(shards)
    items = [source.item(k)[0] for k in range(44)]
    again = segments(shards)
    for k in reversed(range(44)):
        assert np.array_equal(again.item(k)[0], items[k])
    batch = segments(shards).batch(3, 8)
    assert batch.wav.shape == (8, 1, 160)
    assert torch.equal(batch.wav[:, 0], torch.from_numpy(np.stack(items[24:32])))


def test_reading_stays_in_few_shards_at_a_time(shards: list[Path]) -> None:
    source = segments(shards, mixed=2)
    places = [source.place(k)[0] for k in range(20)]
    groups = [set(places[:8]), set(places[8:16]), set(places[16:])]
    assert [len(group) for group in groups] == [2, 2, 1]
    assert set.union(*groups) == set(range(5))
    assert len(set(places[:4])) == 2, "the two are mixed"


def test_segments_lie_anywhere_in_a_recording(tmp_path: Path) -> None:
    """Samples count up, so the first one tells the start: uniform over 0 .. N - n, far beyond the context of 5 s."""
    ramp = flac(np.arange(20_000, dtype=np.int16), 1000)
    source = ShardedSegments(TarShards([shard(tmp_path / "a.tar", {"a.flac": ramp})]), 1000, 1.0, 0, (0, 0))
    starts = []
    for k in range(200):
        samples = np.rint(source.item(k)[0] * 32768)
        assert np.array_equal(samples, samples[0] + np.arange(1000))
        starts.append(samples[0])
    assert min(starts) < 800
    assert 18_200 < max(starts) <= 19_000
    assert np.mean(starts) == pytest.approx(9500, abs=5 * 19_000 / 12**0.5 / 200**0.5)


def test_rates_are_converted_and_bandwidths_measured(tmp_path: Path) -> None:
    """A 3 kHz noise in a 48 kHz file and one of 7.9 kHz at 16 kHz, both heard at 24 kHz."""
    members = {"a.flac": flac(noise(1, 3000, 48000), 48000), "b.flac": flac(noise(1, 7900))}
    source = ShardedSegments(TarShards([shard(tmp_path / "a.tar", members)]), 24000, 0.5, 0, (0, 0))
    batch = source.batch(0, 2)
    low, high = batch.bandwidth.sort().values.tolist()
    assert 3000 <= low <= 3300
    assert 7900 <= high <= 8000
    spectrum = torch.fft.rfft(batch.wav[batch.bandwidth.argmin(), 0] * torch.hann_window(12000)).abs() ** 2
    assert spectrum[1700:].sum() < 1e-4 * spectrum.sum()
    assert batch.wav[:, 0].square().mean(-1).sqrt().log10().mul(20).tolist() == pytest.approx([-20, -20], abs=0.7)


def test_a_silent_recording_is_known_at_every_frequency(tmp_path: Path) -> None:
    source = segments([shard(tmp_path / "a.tar", {"a.flac": constant(0)})])
    assert source.item(0)[1] == RATE / 2


def test_short_recordings_lie_whole_in_silence(shards: list[Path]) -> None:
    """2000 samples in a segment of 3200."""
    for k in range(10):
        heard = np.flatnonzero(segments(shards, seconds=0.2).item(k)[0])
        assert np.array_equal(heard, heard[0] + np.arange(2000))


def test_what_cannot_be_read_is_named_once_and_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = flac(noise(2, 4000))
    members = {"a.flac": constant(1000), "text.wav": b"words " * 99, "cut.flac": whole[: len(whole) // 3]}
    source = segments([shard(tmp_path / "a.tar", {**members, "b.flac": constant(2000)})], seconds=1.9)
    with caplog.at_level(logging.WARNING):
        drawn = Counter(levels(source, 0, 40))
    assert set(drawn) == {1000, 2000}
    assert sorted(source.errors) == [(0, 1), (0, 2)]
    assert source.errors[0, 1].startswith(f"{tmp_path}/a.tar: text.wav: not audio that can be read")
    assert source.errors[0, 2].startswith(f"{tmp_path}/a.tar: cut.flac: the data is damaged")
    assert len(caplog.records) == 2
    assert levels(source, 0, 40) == levels(segments([tmp_path / "a.tar"], seconds=1.9), 0, 40)


def test_nothing_can_be_read(tmp_path: Path) -> None:
    source = segments([shard(tmp_path / "a.tar", {"a.wav": b"words " * 99})])
    with pytest.raises(AudioError, match=r"a\.tar: a\.wav: not audio.*99 recordings before it are no better"):
        source.item(0)


def test_the_first_audio_file_of_a_key_counts(tmp_path: Path) -> None:
    members = {"x/a.flac": constant(1), "x/a.mp3": b"", "x/a.txt": b"", "y/a.seg1.wav": constant(2), "b.cls": b"3"}
    recordings = TarShards([shard(tmp_path / "a.tar", members)])
    assert recordings.sizes == [2]
    names = [recordings.open(0, k)[0] for k in range(2)]
    assert names == [f"{tmp_path}/a.tar: x/a.flac", f"{tmp_path}/a.tar: y/a.seg1.wav"]
    assert recordings.open(0, 0)[1].read() == constant(1)


def test_damaged_shards(shards: list[Path], tmp_path: Path) -> None:
    data = shards[0].read_bytes()
    for name, content, message in (
        ("cut.tar", data[: len(constant(1000)) // 2 + 512], r"cut\.tar: .*get it again"),
        ("text.tar", b"words " * 999, "not an uncompressed tar file"),
        ("zipped.tar", gzip.compress(data), "unpack .gz"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=message):
            TarShards([tmp_path / name])
    with pytest.raises(UsageError, match="has no audio files"):
        TarShards([shard(tmp_path / "none.tar", {"a.json": b"{}"})])
    with pytest.raises(UsageError, match="cannot be read"):
        TarShards([tmp_path / "missing.tar"])
    with pytest.raises(UsageError, match="no shards"):
        TarShards([])
