"""Draws down the tree of labels have the probabilities that the temperatures say."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from kvant.data import Balance, Level, Segments
from kvant.data.balance import HIERARCHICAL, tree
from kvant.errors import UsageError

DRAWS = 10_000
CLIPS = [  # domain, language, speaker, length
    ("speech", "en", "ann", 6000),
    ("speech", "en", "ann", 2000),
    ("speech", "en", "bo", 1000),
    ("speech", "de", "carla", 1000),
    ("music", "", "band", 900),
    ("noise", "", "", 100),
]
LABELS = [dict(zip(("domain", "language", "speaker"), clip)) for clip in CLIPS]
LENGTHS = np.array([clip[3] for clip in CLIPS])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Each clip's bandwidth is its number."""
    np.save(tmp_path / "audio.npy", np.zeros(LENGTHS.sum(), np.int16))
    offsets = LENGTHS.cumsum() - LENGTHS
    rows = [
        {**labels, "offset": int(offset), "length": int(length), "bandwidth_hz": number}
        for number, (labels, offset, length) in enumerate(zip(LABELS, offsets, LENGTHS))
    ]
    (tmp_path / "clips.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def p_value(counts: list[int], probabilities: list[float]) -> float:
    """Of Pearson's chi-square for three categories: with two degrees of freedom the tail is exp(-x / 2)."""
    assert len(counts) == len(probabilities) == 3
    expected = sum(counts) * np.array(probabilities)
    return math.exp(-float(((counts - expected) ** 2 / expected).sum()) / 2)


def domains(corpus: Path, balance: Balance) -> list[int]:
    segments = Segments(corpus, 1000, 0.01, seed=7, balance=balance)
    drawn = Counter(CLIPS[int(segments.item(k)[1])][0] for k in range(DRAWS))
    return [drawn["speech"], drawn["music"], drawn["noise"]]


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_domains_by_their_length_to_the_temperature(temperature: float, corpus: Path) -> None:
    weights = np.array([10_000.0, 900, 100]) ** temperature
    expected = (weights / weights.sum()).tolist()
    drawn = domains(corpus, Balance((Level(("domain",), temperature), Level(("speaker",), 0.0))))
    assert p_value(drawn, expected) > 1e-3
    other = np.array([10_000.0, 900, 100]) ** (temperature + 0.1)
    assert p_value(drawn, (other / other.sum()).tolist()) < 1e-6, "the test would not notice another temperature"


def test_every_level_has_its_say() -> None:
    """P(clip) is the product down the tree: domain, language in it, speaker in that, clip by length."""
    rng = np.random.default_rng(0)
    root = tree(LABELS, LENGTHS, HIERARCHICAL)
    drawn = np.bincount([root.draw(rng) for _ in range(DRAWS)], minlength=len(CLIPS)) / DRAWS
    speech, music, noise = np.sqrt([10_000, 900, 100]) / np.sqrt([10_000, 900, 100]).sum()
    english, german = 3 / 4, 1 / 4  # sqrt(9000) to sqrt(1000)
    ann, bo = np.sqrt([8000, 1000]) / np.sqrt([8000, 1000]).sum()
    expected = [speech * english * ann * 3 / 4, speech * english * ann / 4, speech * english * bo, speech * german]
    np.testing.assert_allclose(drawn, [*expected, music, noise], atol=4 * 0.5 / DRAWS**0.5)


def test_one_variate_a_level_as_numpy_would_use_it() -> None:
    """Runs started with `rng.choice` go on: same groups, same clips."""
    root = tree(LABELS, LENGTHS, Balance())
    voices = [[0, 1], [2], [3], [4], [5]]
    totals = np.array([LENGTHS[each].sum() for each in voices]) ** 0.5
    for k in range(500):
        mine, theirs = np.random.default_rng(k), np.random.default_rng(k)
        members = voices[theirs.choice(len(voices), p=totals / totals.sum())]
        assert root.draw(mine) == theirs.choice(members, p=LENGTHS[members] / LENGTHS[members].sum())
        assert mine.random() == theirs.random()


def test_another_epoch_is_another_sequence_and_epoch_0_the_default(corpus: Path) -> None:
    segments = Segments(corpus, 1000, 0.01, seed=7)
    first, second = ([segments.item(k, epoch)[1] for k in range(50)] for epoch in (0, 1))
    assert [segments.item(k)[1] for k in range(50)] == first != second
    assert segments.batch(1, 20, epoch=1).bandwidth.tolist() == second[20:40]


def test_a_fingerprint_tells_corpora_apart(corpus: Path) -> None:
    first = Segments(corpus, 1000, 0.01, seed=0).fingerprint
    assert len(bytes.fromhex(first)) == 32
    assert Segments(corpus, 8000, 1.0, seed=1).fingerprint == first
    np.save(corpus / "audio.npy", np.zeros(LENGTHS.sum() + 1, np.int16))
    longer = Segments(corpus, 1000, 0.01, seed=0).fingerprint
    assert longer != first
    text = (corpus / "clips.jsonl").read_text()
    (corpus / "clips.jsonl").write_text(text.replace("ann", "anna"))
    assert Segments(corpus, 1000, 0.01, seed=0).fingerprint not in (first, longer)


def test_files_that_do_not_belong_together(corpus: Path) -> None:
    np.save(corpus / "audio.npy", np.zeros(LENGTHS.sum() - 1, np.int16))
    with pytest.raises(UsageError, match="do not belong together"):
        Segments(corpus, 1000, 0.01, seed=0)


@pytest.mark.parametrize("temperature", [-0.5, math.nan, math.inf])
def test_impossible_temperatures(temperature: float) -> None:
    with pytest.raises(UsageError, match=r"temperature of domain.*give 0 to 1"):
        tree(LABELS, LENGTHS, Balance((Level(("domain",), temperature),)))


def test_nothing_to_draw_from() -> None:
    with pytest.raises(UsageError, match="nothing to draw from"):
        tree([], np.array([]), Balance())
    with pytest.raises(UsageError, match="nothing to draw from"):
        tree(LABELS, LENGTHS * 0, Balance())
