"""Intervals, rows, their parts by speaker, and the JSON they are kept in."""

import json
import math

import numpy as np
import pytest

from kvant.errors import UsageError
from kvant.evaluation.alignment import Alignment
from kvant.evaluation.bootstrap import bootstrap_mean
from kvant.evaluation.clip import Clip
from kvant.evaluation.entropy import EntropyRate
from kvant.evaluation.metrics import MelDistance, SiSdr
from kvant.evaluation.report.markdown import markdown, rate_cells, terminal
from kvant.evaluation.results import Results, from_json, to_json
from kvant.evaluation.scoring import Measurement, measure
from kvant.evaluation.self_check import Check
from kvant.evaluation.system import Coded
from kvant.evaluation.table import Scale, breakdown, quality_table, tabulate

RATE = 24000
SCALES = [Scale("SI-SDR", "dB", True), Scale("mel distance", "log10", False)]


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


class Through:
    """A system that does `change` to a wav, at so many bits."""

    def __init__(self, change, bits):
        self.change, self.bits = change, bits

    def encode(self, wav, sample_rate):
        return Coded(wav, self.bits, sample_rate, len(wav))

    def decode(self, coded):
        return self.change(coded.content)


def test_a_table_ranks_identity_over_noise_and_removes_delay(voice):
    systems = {
        "identity": Through(lambda wav: wav, 500),
        "late": Through(lambda wav: np.concatenate([np.zeros(480, np.float32), -wav]), 1000),
        "noisy": Through(lambda wav: wav + np.random.default_rng(0).normal(scale=0.02, size=len(wav)), 2000),
    }
    clips = [Clip(voice[: 2 * RATE], RATE, "first"), Clip(voice[2 * RATE :], RATE, "second")]
    clips.append(Clip(np.zeros(RATE, np.float32), RATE, "silence"))
    metrics = [SiSdr(), MelDistance()]
    measured = [
        measure(name, system, index, clip, metrics).measurement
        for name, system in systems.items()
        for index, clip in enumerate(clips)
    ]
    rows = {row.system: row for row in tabulate(measured, [clip.origin for clip in clips])}
    assert [row.bitrate for row in rows.values()] == [1500 / 5, 3000 / 5, 6000 / 5]
    assert rows["late"].delay == 480 / RATE
    assert rows["late"].inverted == pytest.approx(2 / 3)
    assert rows["identity"].scores["SI-SDR"] == rows["late"].scores["SI-SDR"] == (100, 100, 100, 2)
    assert rows["noisy"].scores["SI-SDR"].high < 40
    assert rows["noisy"].undefined["SI-SDR"] == {"the reference is silent": 1}
    assert rows["noisy"].encode_speed > 0

    table = quality_table(list(rows.values()), SCALES).splitlines()
    assert table[0] == "| system | kbit/s | SI-SDR (dB) ↑ | mel distance (log10) ↓ |"
    assert table[2].startswith("| identity | 0.30 | 100.00 ± 0.00 | 0.000 ± 0.000 |")


def test_a_delay_is_a_time_whatever_the_rates_of_the_clips():
    """Each of three clips is 10 ms late; the first is of another rate than the others."""
    rates = (8000, 48000, 48000)
    clips = [Clip(np.zeros(rate), rate, str(index)).origin for index, rate in enumerate(rates)]
    measured = [
        Measurement("x", index, 1000, 1, 1, Alignment(rate // 100, 1, 1), {}, {}) for index, rate in enumerate(rates)
    ]
    about = {"seed": 0, "jobs": 1, "codecs": {}, "notes": [], "processor": "abacus"}
    found = Results(about, [], [], clips, {}, measured)
    assert found.rows[0].delay == pytest.approx(0.01)
    assert rate_cells(found, found.rows[0])[-1] == "10.0"


def results(count=6):
    """Made-up results of two systems: clips of 1, 2 ... seconds of three speakers and two languages."""
    rng = np.random.default_rng(0)
    clips = [
        Clip(np.zeros(8000 * (index + 1)), 8000, f"clip {index}", f"s{index % 3}", "ab"[index % 2]).origin
        for index in range(count)
    ]
    measured = [
        Measurement(
            system=system,
            clip=index,
            bits=bits * (index + 1),
            encode_seconds=0.25,
            decode_seconds=0.125,
            alignment=Alignment(3, 0.9, 0.8),
            scores={"SI-SDR": rng.normal(), "mel distance": math.nan if index == 1 else rng.normal()},
            undefined={"mel distance": "the reference is silent"} if index == 1 else {},
        )
        for system, bits in (("A 1", 1000), ("B 2", 2000))
        for index in range(count)
    ]
    about = {"seed": 0, "jobs": 1, "codecs": {"A": {}}, "notes": ["without c: no"], "processor": "abacus", "data": "d"}
    check = Check("delay", Alignment(137, 1.0, 1.0), {"SI-SDR": 100.0, "mel distance": math.nan})
    return Results(about, SCALES, [check], clips, {"A 1": EntropyRate(987.5, 75, 20480, (9.875,))}, measured)


def test_parts_are_means_over_their_own_clips_and_together_the_whole():
    found = results()
    for groups, group in ((found.speakers, lambda clip: clip.speaker), (found.languages, lambda clip: clip.language)):
        assert sorted(groups) == sorted({group(clip) for clip in found.clips})
        for name, rows in groups.items():
            for row in rows:
                own = [
                    each.scores["SI-SDR"]
                    for each in found.measurements
                    if each.system == row.system and group(found.clips[each.clip]) == name
                ]
                assert row.scores["SI-SDR"].mean == pytest.approx(np.mean(own))
                assert row.scores["SI-SDR"].values == len(own)
        whole = [
            sum(rows[place].scores["SI-SDR"].mean * rows[place].scores["SI-SDR"].values for rows in groups.values())
            for place in (0, 1)
        ]
        assert whole == pytest.approx([row.scores["SI-SDR"].mean * 6 for row in found.rows])


def test_rates_and_speeds_weigh_clips_by_their_length():
    first, second = results().rows
    assert (first.bitrate, second.bitrate) == (1000, 2000)
    assert first.encode_speed == pytest.approx(sum(range(1, 7)) / (6 * 0.25))
    assert first.decode_speed == 2 * first.encode_speed
    (only,) = breakdown(results(1).measurements[:1], results(1).clips, lambda clip: clip.speaker)["s0"]
    assert only.bitrate == 1000


def test_results_come_back_from_json_as_they_were():
    found = results()
    text = to_json(found)
    content = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert content["measurements"][1]["scores"]["mel distance"] is None
    assert content["rows"][0]["scores"]["SI-SDR"]["values"] == 6
    assert content["entropy"]["A 1"]["trusted"] is False
    assert len(content["measurements"]) == 12
    again = from_json(text)
    assert to_json(again) == text
    assert again.about == found.about
    assert again.clips == found.clips
    assert again.entropy == found.entropy
    np.testing.assert_equal(again.measurements, found.measurements)  # NaN for NaN
    np.testing.assert_equal(again.rows, found.rows)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": "kvant-evaluation", "format_version": 2}', '{"format": 1, "format_version": 1}'],
)
def test_other_json_is_refused(text):
    with pytest.raises(UsageError, match="not the results"):
        from_json(text)


def test_markdown_says_what_is_not_to_be_trusted():
    text = markdown(results())
    quality, rates, notes = text.strip().split("\n\n")
    assert quality == quality_table(results().rows, SCALES)
    assert "| A 1 | 1.00 | 0.99† | 14 | 28 | 0.4 |" in rates.splitlines()
    assert "| B 2 | 2.00 |  | 14 | 28 | 0.4 |" in rates.splitlines()
    assert "from 75 frames. Marked †: too few frames" in notes
    assert "20,480" in notes
    assert "* Undefined for 1 of 6 clips, as the reference is silent: mel distance." in notes.splitlines()
    assert notes.splitlines()[-1] == "* Without c: no."


def test_what_is_undefined_for_some_systems_names_them():
    found = results()
    found.measurements[0] = found.measurements[0]._replace(undefined=dict.fromkeys(("x", "y"), "it is short"))
    assert "* Undefined for 1 of 6 clips, as it is short: x, y of A 1." in markdown(found).splitlines()


def test_the_terminal_gets_columns():
    lines = terminal(results()).splitlines()
    assert len(lines) == 3
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split() == ["kbit/s", "SI-SDR", "mel"]
