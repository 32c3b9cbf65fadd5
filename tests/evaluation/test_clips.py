"""Clips of a prepared split, and of a folder of audio."""

import json

import numpy as np
import pytest

from kvant.audio import write
from kvant.errors import UsageError
from kvant.evaluation.held_out import held_out_clips
from kvant.evaluation.recordings import find_clips, recorded_clips

RATE = 24000


@pytest.fixture
def split(tmp_path):
    """Three speakers: one with many short clips, one with few long ones, one with a single clip too long to use."""
    lengths = {"short": [24000] * 40, "long": [96000] * 6, "endless": [24000 * 9]}
    rows, offset = [], 0
    for speaker, each in lengths.items():
        for length in each:
            row = {"id": f"test-{len(rows):05d}", "source": "made-up", "speaker": speaker}
            row |= {"language": "en"} if speaker == "long" else {}
            rows.append(row | {"offset": offset, "length": length})
            offset += length
    folder = tmp_path / "corpus" / "test"
    folder.mkdir(parents=True)
    np.save(folder / "audio.npy", (np.arange(offset) % 30000).astype("<i2"))
    (folder / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "manifest.json").write_text(json.dumps({"sample_rate": RATE}))
    return folder


def test_held_out_clips_are_balanced_reproducible_and_of_3_to_8_seconds(split):
    clips = held_out_clips(split, 8)
    assert [sum(clip.speaker == speaker for clip in clips) for speaker in ("short", "long", "endless")] == [4, 4, 0]
    assert {(clip.speaker, clip.language, clip.source) for clip in clips} == {
        ("short", "unknown", "made-up"),
        ("long", "en", "made-up"),
    }
    assert all(3 * RATE <= len(clip.wav) <= 8 * RATE for clip in clips)
    names = [name for clip in clips for name in clip.name.split(": ")[1].split()]
    assert len(names) == len(set(names)) == 4 * 3 + 4
    assert [clip.name for clip in held_out_clips(split, 8)] == [clip.name for clip in clips]
    assert [clip.name for clip in held_out_clips(split, 8, seed=1)] != [clip.name for clip in clips]


def test_a_split_is_known_by_its_files_and_gives_what_it_has(split):
    assert [clip.name for clip in find_clips(split, 8)] == [clip.name for clip in held_out_clips(split, 8)]
    assert len(find_clips(split)) == 13 + 6
    with pytest.raises(UsageError, match="gives only 19 clips, 20 are asked for"):
        find_clips(split, 20)
    with pytest.raises(UsageError, match=r"several splits; name one, such as .*test"):
        find_clips(split.parent)


@pytest.mark.parametrize("name", ["audio.npy", "manifest.json"])
def test_a_split_with_something_missing_says_so(split, name):
    (split / name).unlink()
    with pytest.raises(UsageError, match=f"not a prepared split .*{name}"):
        find_clips(split, 1)


def test_a_split_with_garbled_lines_says_so(split):
    (split / "clips.jsonl").write_text("{}\n")
    with pytest.raises(UsageError, match="not a prepared split"):
        find_clips(split, 1)


@pytest.fixture
def folder(tmp_path):
    """A second of two speakers, at 8 and 16 kHz, a long stereo file of nobody's, a hidden one and an empty one."""
    for speaker, rate, count in (("ann", 8000, 3), ("bob/loud", 16000, 1)):
        (tmp_path / speaker).mkdir(parents=True)
        for index in range(count):
            write(tmp_path / speaker / f"{index}.wav", np.full(rate, 0.1 * (index + 1)), rate)
    ramp = np.linspace(0, 0.5, 20 * 8000)
    write(tmp_path / "long.flac", np.stack([ramp, -ramp / 2]), 8000)
    write(tmp_path / ".hidden.wav", ramp, 8000)
    (tmp_path / "void").mkdir()
    write(tmp_path / "void" / "empty.wav", ramp[:0], 8000)
    (tmp_path / "notes.txt").write_text("no audio")
    return tmp_path


def test_recordings_are_taken_in_turn_from_the_speakers_that_folders_name(folder):
    clips = find_clips(folder)
    assert sorted(clip.name for clip in clips) == ["ann/0.wav", "ann/1.wav", "ann/2.wav", "bob/loud/0.wav", "long.flac"]
    assert {clip.speaker for clip in clips[:3]} == {"ann", "bob/loud", "unknown"}
    by_name = {clip.name: clip for clip in clips}
    assert by_name["bob/loud/0.wav"].sample_rate == 16000
    np.testing.assert_allclose(by_name["ann/1.wav"].wav, np.full(8000, 0.2), atol=1e-4)
    assert {clip.language for clip in clips} == {"unknown"}


def test_of_a_long_recording_an_excerpt_is_taken_and_channels_are_averaged(folder):
    excerpts = [{clip.name: clip for clip in recorded_clips(folder, 24, seed)}["long.flac"] for seed in (0, 0, 1)]
    first, same, other = (excerpt.wav for excerpt in excerpts)
    assert len(first) == len(other) == 8 * 8000
    np.testing.assert_array_equal(first, same)
    assert first[0] != other[0]
    # The mean of the channels is a quarter of the left ramp, which tells where the excerpt was.
    start = round(first[0] * 4 / 0.5 * 20 * 8000)
    expected = 0.25 * np.linspace(0, 0.5, 20 * 8000)[start : start + len(first)]
    np.testing.assert_allclose(first[: len(expected)], expected, atol=1e-4)


def test_folders_without_audio_are_refused(tmp_path):
    with pytest.raises(UsageError, match="holds neither"):
        find_clips(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        find_clips(tmp_path / "nowhere")


@pytest.mark.parametrize("count", [0, -1])
def test_no_clips_are_not_the_default_number_of_clips(split, count):
    with pytest.raises(UsageError, match=f"{count} clips: at least 1 must be taken"):
        find_clips(split, count)
