"""Intervals, rows and files of an evaluation."""

import json

import numpy as np
import pytest

from kvant.errors import UsageError
from kvant.evaluation.baselines import identity
from kvant.evaluation.bootstrap import bootstrap_mean
from kvant.evaluation.held_out import held_out_clips
from kvant.evaluation.metrics import MelDistance, SiSdr
from kvant.evaluation.table import Clip, evaluate, markdown, write_json

RATE = 24000


def test_a_95_percent_interval_covers_the_mean_about_95_times_in_100():
    rng = np.random.default_rng(0)
    intervals = [bootstrap_mean(rng.exponential(2.0, size=60), resamples=500) for _ in range(300)]
    covered = np.mean([interval.low <= 2.0 <= interval.high for interval in intervals])
    assert 0.90 < covered < 0.98


def test_the_interval_has_the_width_of_the_normal_one_and_is_reproducible():
    values = np.random.default_rng(1).normal(3, 1, size=400)
    interval = bootstrap_mean(values)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.1)
    assert interval == bootstrap_mean(values)
    assert interval != bootstrap_mean(values, seed=1)


def test_undefined_values_are_left_out_and_counted():
    assert bootstrap_mean([1.0, np.nan, 1.0]) == (1.0, 1.0, 1.0, 2)
    assert bootstrap_mean([np.nan]).values == 0


def test_a_table_ranks_identity_over_noise_and_removes_delay(voice, tmp_path):
    def late(wav, sample_rate):
        return np.concatenate([np.zeros(480, np.float32), -wav]), 1000

    def noisy(wav, sample_rate):
        return wav + np.random.default_rng(0).normal(scale=0.02, size=len(wav)).astype(np.float32), 2000

    clips = [Clip(voice[: 2 * RATE], RATE, "first"), Clip(voice[2 * RATE :], RATE, "second")]
    clips.append(Clip(np.zeros(RATE, np.float32), RATE, "silence"))
    metrics = [SiSdr(), MelDistance()]
    rows = {row.system: row for row in evaluate({"identity": identity, "late": late, "noisy": noisy}, clips, metrics)}
    assert rows["identity"].bitrate == 16 * RATE
    assert rows["late"].bitrate == 3000 / 5
    assert rows["late"].delay == 480
    assert rows["late"].inverted == pytest.approx(2 / 3)
    assert rows["identity"].scores["SI-SDR"] == rows["late"].scores["SI-SDR"] == (100, 100, 100, 2)
    assert rows["noisy"].scores["SI-SDR"].high < 40
    assert rows["noisy"].undefined["SI-SDR"] == {"the reference is silent": 1}

    table = markdown(list(rows.values()), metrics).splitlines()
    assert table[0] == "| system | kbit/s | SI-SDR (dB) ↑ | mel distance (log10) ↓ |"
    assert table[2].startswith("| identity | 384.00 | 100.00 ± 0.00 | 0.000 ± 0.000 |")

    write_json(tmp_path / "table.json", list(rows.values()), seed=0)
    content = json.loads((tmp_path / "table.json").read_text())
    assert content["seed"] == 0
    assert content["rows"][1]["scores"]["SI-SDR"] == {"mean": 100.0, "low": 100.0, "high": 100.0, "values": 2}


def test_a_table_needs_clips():
    with pytest.raises(UsageError, match="at least one clip"):
        evaluate({"identity": identity}, [], [SiSdr()])


@pytest.fixture
def split(tmp_path):
    """Three speakers: one with many short clips, one with few long ones, one with a single clip too long to use."""
    lengths = {"short": [24000] * 40, "long": [96000] * 6, "endless": [24000 * 9]}
    rows, offset = [], 0
    for speaker, each in lengths.items():
        for length in each:
            row = {"id": f"test-{len(rows):05d}", "source": "made-up", "speaker": speaker}
            rows.append(row | {"offset": offset, "length": length})
            offset += length
    np.save(tmp_path / "audio.npy", (np.arange(offset) % 30000).astype("<i2"))
    (tmp_path / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "manifest.json").write_text(json.dumps({"sample_rate": RATE}))
    return tmp_path


def test_held_out_clips_are_balanced_reproducible_and_of_3_to_8_seconds(split):
    clips = held_out_clips(split, 8)
    assert [sum(speaker in clip.name for clip in clips) for speaker in ("short", "long", "endless")] == [4, 4, 0]
    assert all(3 * RATE <= len(clip.wav) <= 8 * RATE for clip in clips)
    names = [name for clip in clips for name in clip.name.split(": ")[1].split()]
    assert len(names) == len(set(names)) == 4 * 3 + 4
    assert [clip.name for clip in held_out_clips(split, 8)] == [clip.name for clip in clips]
    assert [clip.name for clip in held_out_clips(split, 8, seed=1)] != [clip.name for clip in clips]


def test_held_out_clips_say_what_is_missing(split, tmp_path):
    with pytest.raises(UsageError, match="gives only"):
        held_out_clips(split, 100)
    with pytest.raises(UsageError, match="not a prepared split"):
        held_out_clips(tmp_path / "nowhere", 1)
