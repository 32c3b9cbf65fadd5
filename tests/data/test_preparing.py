"""From a manifest to a corpus: levels, margins, splits by speaker, and files that appear whole or not at all."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kvant.data.corpus import create_split
from kvant.data.labels import parse_labels
from kvant.data.levelling import levelled
from kvant.data.manifest import Recording
from kvant.data.preparing import Plan, prepare
from kvant.data.scanning import find_audio, scan
from kvant.data.splits import assign, parse_held_out
from kvant.errors import UsageError
from tests.data.conftest import RATE, noise, save, tone


def manifest_of(root: Path, labels: str | None = "{speaker}/*") -> Path:
    found = list(scan(root, find_audio(root).audio, parse_labels(labels)))
    (root / "manifest.jsonl").write_bytes(b"".join(each.to_line() for each in found))
    return root / "manifest.jsonl"


def read_split(folder: Path) -> tuple[np.ndarray, list[dict[str, Any]], dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "clips.jsonl").read_text().splitlines()]
    return np.load(folder / "audio.npy"), rows, json.loads((folder / "manifest.json").read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two seconds each of ann and bo, one of carla, and what is to be left out."""
    root = tmp_path / "audio"
    save(root / "ann/1.wav", noise(1, 5000, seed=1))
    save(root / "ann/2.wav", noise(1, 7900, seed=2, level_dbfs=-35))
    save(root / "ann/3.wav", noise(1, 7900, seed=2, level_dbfs=-35))
    save(root / "bo/1.wav", noise(2, 7900, seed=3))
    save(root / "carla/1.flac", noise(1, 7900, 48000, seed=4), 48000)
    save(root / "carla/2.wav", np.zeros(RATE))
    save(root / "carla/3.wav", noise(0.1, 7900, seed=5))
    (root / "carla/4.wav").write_text("words " * 99)
    return root


def test_splits_hold_their_speakers_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    plan = Plan(24000, dev=("bo",), test=("carla",))
    made = prepare(manifest_of(folder), folder, tmp_path / "out", plan)
    assert made.hours == pytest.approx({"train": 2 / 3600, "dev": 2 / 3600, "test": 1 / 3600}, rel=1e-4)
    assert (made.dropped, made.errors) == (1, [])
    paths = {split: [row["path"] for row in read_split(tmp_path / "out" / split)[1]] for split in made.hours}
    assert paths == {"train": ["ann/1.wav", "ann/2.wav"], "dev": ["bo/1.wav"], "test": ["carla/1.flac"]}
    audio, rows, manifest = read_split(tmp_path / "out" / "train")
    assert [row["speaker"] for row in rows] == ["ann", "ann"]
    assert [(row["offset"], row["length"]) for row in rows] == [(0, 24000), (24000, 24000)]
    assert len(audio) == manifest["samples"] == 48000
    assert manifest["sample_rate"] == 24000
    assert rows[0]["bandwidth_hz"] in range(5000, 5301)
    assert rows[1]["source_rate"] == RATE


def test_clips_are_brought_to_one_level(folder: Path, tmp_path: Path) -> None:
    """-23 dBFS, from -20 as from -35, with gains that say so."""
    prepare(manifest_of(folder), folder, tmp_path / "out", Plan())
    audio, rows, _ = read_split(tmp_path / "out" / "train")
    for row in rows:
        clip = audio[row["offset"] : row["offset"] + row["length"]] / 32767
        assert 20 * np.log10(np.sqrt(np.mean(clip**2))) == pytest.approx(-23, abs=0.15)
    assert 20 * np.log10(rows[0]["gain"]) == pytest.approx(-3, abs=0.15)
    assert 20 * np.log10(rows[1]["gain"]) == pytest.approx(12, abs=0.25)  # the resampler takes the top of the band


def test_silence_is_trimmed_to_its_margins() -> None:
    """A second of tone in six of silence: 0.15 s stay at each end, and the peak stays below 0.95."""
    wav = np.concatenate([np.zeros(2 * RATE), tone(1, 440, 0.1), np.zeros(3 * RATE)]).astype(np.float32)
    clip = levelled(wav, RATE, RATE, "a")
    assert clip is not None
    assert len(clip.samples) == round(1.3 * RATE)
    assert not clip.samples[: round(0.149 * RATE)].any()
    impulses = np.full(RATE, 1e-3, np.float32)
    impulses[::2000] = 0.9
    clip = levelled(impulses, RATE, RATE, "a")
    assert clip is not None
    assert np.abs(clip.samples).max() == round(0.95 * 32767)
    assert levelled(wav * 1e-3, RATE, RATE, "a") is None
    assert levelled(wav[2 * RATE : 2 * RATE + 1000], RATE, RATE, "a") is None


def test_a_long_recording_becomes_several_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvant.data.preparing.LONGEST", 2)
    save(tmp_path / "audio/a.flac", noise(4.5, 7900))
    prepare(manifest_of(tmp_path / "audio", None), tmp_path / "audio", tmp_path / "out", Plan(RATE))
    audio, rows, _ = read_split(tmp_path / "out" / "train")
    assert [(row["start_s"], row["length"]) for row in rows] == [(0, 32000), (2, 32000), (4, 8000)]
    whole = np.concatenate([audio[row["offset"] :][: row["length"]] / row["gain"] for row in rows])
    assert np.abs(whole - noise(4.5, 7900) * 32767).max() < 2 + 0.5 / min(row["gain"] for row in rows)


def test_many_processes_write_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        prepare(manifest_of(folder), folder, tmp_path / name, Plan(workers=workers, dev=("bo",)))
    for split in ("train", "dev"):
        for file in ("audio.npy", "clips.jsonl", "manifest.json"):
            assert (tmp_path / "one" / split / file).read_bytes() == (tmp_path / "two" / split / file).read_bytes()


def test_a_file_that_vanished_or_broke_is_named_and_left_out(folder: Path, tmp_path: Path) -> None:
    manifest = manifest_of(folder)
    (folder / "bo/1.wav").unlink()
    (folder / "carla/1.flac").write_bytes(b"fLaC")
    made = prepare(manifest, folder, tmp_path / "out", Plan())
    assert [str(folder / "bo/1.wav") in made.errors[0], str(folder / "carla/1.flac") in made.errors[1]] == [True, True]
    assert len(read_split(tmp_path / "out" / "train")[1]) == 2


def test_an_interrupted_split_leaves_nothing(tmp_path: Path) -> None:
    writing = create_split(tmp_path / "train")
    writing.__enter__().add(np.arange(5, dtype=np.int16), {}, {})
    assert not writing.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert not list((tmp_path / "train").iterdir())


def test_audio_is_as_numpy_saves_it(tmp_path: Path) -> None:
    with create_split(tmp_path / "train") as writer:
        writer.add(np.arange(3, dtype=np.int16), {"speaker": "ann"}, {"gain": 1.0})
        writer.add(np.arange(4, dtype=np.int16), {"speaker": "bo"}, {"gain": 2.0})
    saved = io.BytesIO()
    np.save(saved, np.array([0, 1, 2, 0, 1, 2, 3], "<i2"))
    assert (tmp_path / "train/audio.npy").read_bytes() == saved.getvalue()
    assert (tmp_path / "train/clips.jsonl").read_text().splitlines() == [
        '{"id": "train-00000", "speaker": "ann", "offset": 0, "length": 3, "gain": 1.0}',
        '{"id": "train-00001", "speaker": "bo", "offset": 3, "length": 4, "gain": 2.0}',
    ]
    with pytest.raises(UsageError, match="exists already"), create_split(tmp_path / "train"):
        pass


def test_the_wrong_root_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"does not hold ann/1\.wav of the manifest; name the scanned folder"):
        prepare(manifest_of(folder), tmp_path, tmp_path / "out", Plan())
    assert not (tmp_path / "out").exists()


def voices(**seconds: float) -> list[Recording]:
    return [Recording(f"{name}.wav", length, level_dbfs=-20.0, speaker=name) for name, length in seconds.items()]


def test_shares_are_filled_by_whole_speakers() -> None:
    recordings = voices(**{f"s{k}": 10.0 for k in range(40)})
    splits = assign(recordings, dev=0.1, test=0.25)
    assert [list(splits.values()).count(split) for split in ("train", "dev", "test")] == [26, 4, 10]
    assert assign(recordings[::-1], dev=0.1, test=0.25) == splits
    assert assign(recordings, dev=0.1, test=0.25, seed=1) != splits


def test_a_share_too_small_for_anyone_takes_the_shortest() -> None:
    assert assign(voices(ann=50, bo=30, carla=20), dev=0.01, test=0.01) == {
        "ann": "train",
        "bo": "dev",
        "carla": "test",
    }


def test_recordings_without_a_speaker_are_split_each_on_its_own() -> None:
    recordings = [Recording(f"{k}.wav", 1.0, level_dbfs=-20.0) for k in range(20)]
    splits = assign(recordings, dev=0.2, test=())
    assert len(splits) == 20
    assert list(splits.values()).count("dev") == 4


@pytest.mark.parametrize(
    ("dev", "test", "message"),
    [
        (("zoe",), (), "--dev-speakers zoe: nobody of this name"),
        (("ann",), ("ann",), "ann cannot be in both"),
        (("ann",), ("bo",), "no speaker is left for training"),
        (0.01, 0.01, "no speaker is left for training"),
    ],
)
def test_impossible_splits(dev: Any, test: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        assign(voices(ann=1, bo=1), dev, test)


def test_nothing_usable() -> None:
    with pytest.raises(UsageError, match="no usable recording"):
        assign([Recording("a.wav", errors=("broken",))], 0.1, 0.1)


def test_held_out_as_written() -> None:
    assert parse_held_out("5%", "--dev-speakers") == pytest.approx(0.05)
    assert parse_held_out("0.1", "--dev-speakers") == 0.1
    assert parse_held_out("ann, bo", "--dev-speakers") == ("ann", "bo")
    assert parse_held_out("", "--dev-speakers") == ()
    assert parse_held_out("0%", "--dev-speakers") == 0.0
    assert parse_held_out("dr.no", "--dev-speakers") == ("dr.no",)
    with pytest.raises(UsageError, match="--dev-speakers 120%: a share is from 0 to below 1"):
        parse_held_out("120%", "--dev-speakers")


@pytest.mark.parametrize(
    ("text", "names"), [("84", ("84",)), ("0", ("0",)), ("84,", ("84",)), (" 84 ,174,, ", ("84", "174"))]
)
def test_speakers_called_by_numbers_can_be_held_out(text: str, names: tuple[str, ...]) -> None:
    """As those of LibriSpeech: a share has a point or a percent sign."""
    assert parse_held_out(text, "--dev-speakers") == names
