"""Training data: item k is a function of (seed, k); clips are drawn by the square root of their group's length."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from kvant.data import Segments
from kvant.errors import UsageError

RATE = 1000


def write(folder: Path, clips: list[tuple[str, np.ndarray]]) -> Path:
    """A corpus of (speaker, int16 samples); the bandwidth names the clip."""
    folder.mkdir(exist_ok=True)
    np.save(folder / "audio.npy", np.concatenate([samples for _, samples in clips]).astype(np.int16))
    lines, offset = [], 0
    for index, (speaker, samples) in enumerate(clips):
        clip = {"speaker": speaker, "language": "en", "offset": offset, "length": len(samples), "bandwidth_hz": index}
        lines.append(json.dumps(clip))
        offset += len(samples)
    (folder / "clips.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two long clips of speaker a and a short one of b, each a constant level that tells whose samples these are."""
    return write(tmp_path, [("a", np.full(5000, 1000)), ("a", np.full(3000, 2000)), ("b", np.full(400, -3000))])


def test_an_item_is_a_function_of_seed_and_number(corpus: Path) -> None:
    first, second = (Segments(corpus, RATE, 1.0, seed=3) for _ in range(2))
    items = [first.item(k) for k in range(20)]
    for k in reversed(range(20)):
        again, bandwidth = second.item(k)
        assert np.array_equal(again, items[k][0])
        assert bandwidth == items[k][1]
    other = [Segments(corpus, RATE, 1.0, seed=4).item(k)[0] for k in range(20)]
    assert sum(np.array_equal(a, b) for a, (b, _) in zip(other, items)) < 3
    assert len({samples.tobytes() for samples, _ in items}) > 15


def test_batches_are_consecutive_items(corpus: Path) -> None:
    segments = Segments(corpus, RATE, 1.0, seed=3)
    batch = segments.batch(4, 3)
    assert batch.wav.dtype == torch.float32
    for row, k in enumerate((12, 13, 14)):
        samples, bandwidth = segments.item(k)
        assert np.array_equal(batch.wav[row, 0].numpy(), samples)
        assert float(batch.bandwidth[row]) == bandwidth


def test_segments_stay_inside_their_clip(corpus: Path) -> None:
    """No segment runs into the next clip: each holds one level, of the clip its bandwidth names, and silence."""
    segments = Segments(corpus, RATE, 1.0, seed=0, gain_db=(0, 0))
    levels = {0.0: 1000, 1.0: 2000, 2.0: -3000}
    for k in range(200):
        samples, bandwidth = segments.item(k)
        assert len(samples) == RATE
        assert set(np.unique(samples * 32768)) <= {0.0, float(levels[bandwidth])}


def test_short_clips_lie_whole_at_a_random_place_in_silence(corpus: Path) -> None:
    segments = Segments(corpus, RATE, 1.0, seed=0, gain_db=(0, 0))
    starts = []
    for k in range(200):
        samples, bandwidth = segments.item(k)
        if bandwidth == 2:
            heard = np.flatnonzero(samples)
            assert np.array_equal(heard, np.arange(heard[0], heard[0] + 400))
            starts.append(int(heard[0]))
    assert min(starts) < 100
    assert max(starts) > 500
    assert max(starts) <= 600


def test_starts_cover_the_whole_clip(tmp_path: Path) -> None:
    corpus = write(tmp_path, [("a", np.arange(3000))])
    segments = Segments(corpus, RATE, 1.0, seed=0, gain_db=(0, 0))
    starts = [round(float(segments.item(k)[0][0]) * 32768) for k in range(300)]
    assert min(starts) < 60
    assert 1940 < max(starts) <= 2000
    assert np.mean(starts) == pytest.approx(1000, abs=5 * 577 / 300**0.5)


def test_groups_are_drawn_by_the_square_root_of_their_length(corpus: Path) -> None:
    """8000 samples of a against 400 of b: sqrt(20) to 1; within a, clips by length, 5 to 3."""
    segments = Segments(corpus, RATE, 0.01, seed=1)
    drawn = np.bincount([int(segments.item(k)[1]) for k in range(4000)], minlength=3) / 4000
    a = 20**0.5 / (20**0.5 + 1)
    np.testing.assert_allclose(drawn, [a * 5 / 8, a * 3 / 8, 1 - a], atol=4 * 0.5 / 4000**0.5)


def test_gain_is_uniform_in_decibels(corpus: Path) -> None:
    segments = Segments(corpus, RATE, 0.01, seed=1, gain_db=(-12, 6))
    levels = {0.0: 1000, 1.0: 2000, 2.0: -3000}
    gains = []
    for k in range(2000):
        samples, bandwidth = segments.item(k)
        middle = samples[np.abs(samples).argmax()] * 32768 / levels[bandwidth]
        gains.append(20 * np.log10(middle))
    assert -12 <= min(gains) < -11.8
    assert 5.8 < max(gains) <= 6
    np.testing.assert_allclose(np.quantile(gains, [0.25, 0.5, 0.75]), [-7.5, -3, 1.5], atol=0.8)


def test_gain_never_clips(tmp_path: Path) -> None:
    corpus = write(tmp_path, [("a", np.tile([20000, -32768], 1000))])
    segments = Segments(corpus, RATE, 1.0, seed=1, gain_db=(6, 20))
    for k in range(20):
        assert np.abs(segments.item(k)[0]).max() == pytest.approx(1, abs=1e-6)


def test_silence_stays_silent(tmp_path: Path) -> None:
    segments = Segments(write(tmp_path, [("a", np.zeros(2000))]), RATE, 1.0, seed=1)
    assert not segments.item(0)[0].any()


def test_a_name_with_a_line_separator_is_one_name(tmp_path: Path) -> None:
    """U+2028 ends a line for Python's text, not in JSON."""
    write(tmp_path, [("a", np.zeros(2000))])
    text = (tmp_path / "clips.jsonl").read_text().replace('"a"', '"a\u2028b"')
    (tmp_path / "clips.jsonl").write_text(text, encoding="utf-8")
    assert Segments(tmp_path, RATE, 1.0, seed=1).lengths.tolist() == [2000]


@pytest.mark.parametrize("missing", ["folder", "audio.npy", "clips.jsonl"])
def test_a_missing_corpus_says_what_to_do(corpus: Path, missing: str) -> None:
    if missing == "folder":
        corpus = corpus / "elsewhere"
    else:
        (corpus / missing).unlink()
    with pytest.raises(UsageError, match=r"no prepared corpus here.*make one first"):
        Segments(corpus, RATE, 1.0, seed=0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("audio.npy", b"RIFF"),
        ("clips.jsonl", b"{"),
        ("clips.jsonl", b""),
        ("clips.jsonl", b"[1]"),
        ("manifest.json", b"[]"),
    ],
)
def test_a_damaged_corpus_is_a_usage_error(corpus: Path, name: str, content: bytes) -> None:
    (corpus / name).write_bytes(content)
    with pytest.raises(UsageError, match=str(corpus)):
        Segments(corpus, RATE, 1.0, seed=0)


def test_a_corpus_of_another_rate_is_refused(corpus: Path) -> None:
    (corpus / "manifest.json").write_text(json.dumps({"sample_rate": RATE}))
    assert Segments(corpus, RATE, 1.0, seed=0).sample_rate == RATE
    with pytest.raises(UsageError, match=f"is at {RATE} Hz, not 24000; prepare it with --rate 24000"):
        Segments(corpus, 24000, 1.0, seed=0)
