"""Resampling judged by physics: what passes, what vanishes, when it happens, and how many samples there are."""

import math

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from kvant.audio import Resampler, output_length, resample
from kvant.errors import AudioError

RATE_PAIRS = [(48000, 24000), (44100, 24000), (16000, 24000), (24000, 44100), (8000, 48000)]
NOISE = np.random.default_rng(0).standard_normal((2, 5000)).astype(np.float32)


def tone(frequency: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate).astype(np.float32)


def middle(wav: np.ndarray) -> np.ndarray:
    return wav[..., wav.shape[-1] // 4 : -wav.shape[-1] // 4]


def decibels(wav: np.ndarray) -> float:
    """Power of a tone against one of amplitude 1."""
    return 10 * math.log10(2 * np.mean(np.square(middle(wav), dtype=np.float64)) + 1e-30)


def in_blocks(wav: np.ndarray, from_rate: int, to_rate: int, sizes: list[int]) -> np.ndarray:
    resampler, blocks, start = Resampler(from_rate, to_rate, len(wav)), [], 0
    while start < wav.shape[1]:
        size = sizes[len(blocks) % len(sizes)]
        blocks.append(resampler.push(wav[:, start : start + size]))
        start += size
    return np.concatenate([*blocks, resampler.flush()], axis=1)


@pytest.mark.parametrize(("from_rate", "to_rate"), [(48000, 24000), (44100, 24000), (24000, 8000), (44100, 44000)])
@pytest.mark.parametrize("above", [1.001, 1.05, 1.5])
def test_a_tone_above_the_new_nyquist_frequency_is_gone(from_rate: int, to_rate: int, above: float) -> None:
    frequency = above * to_rate / 2
    if frequency < from_rate / 2:
        assert decibels(resample(tone(frequency, from_rate), from_rate, to_rate)) < -120


@pytest.mark.parametrize(("from_rate", "to_rate"), RATE_PAIRS)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_tone_below_passes_in_place(from_rate: int, to_rate: int, share: float) -> None:
    frequency = share * min(from_rate, to_rate) / 2
    out = resample(tone(frequency, from_rate), from_rate, to_rate)
    assert abs(decibels(out)) < 0.01
    np.testing.assert_allclose(middle(out), middle(tone(frequency, to_rate)), atol=1e-3)


@pytest.mark.parametrize(("from_rate", "to_rate"), RATE_PAIRS)
def test_there_and_back(from_rate: int, to_rate: int) -> None:
    wav = tone(0.4 * min(from_rate, to_rate), from_rate)[:-7]
    back = resample(resample(wav, from_rate, to_rate), to_rate, from_rate)
    assert len(back) >= len(wav)
    np.testing.assert_allclose(middle(back[: len(wav)]), middle(wav), atol=1e-3)


def test_direct_current_and_silence_stay() -> None:
    assert not resample(np.zeros((1, 1000), np.float32), 44100, 24000).any()
    np.testing.assert_allclose(middle(resample(np.ones(5000, np.float32), 44100, 24000)), 1, atol=1e-5)


@pytest.mark.parametrize(("from_rate", "to_rate"), RATE_PAIRS)
@pytest.mark.parametrize("sizes", [[1], [7], [480], [1, 1000, 0, 3, 64], [5000]], ids=str)
def test_blocks_equal_the_whole(from_rate: int, to_rate: int, sizes: list[int]) -> None:
    np.testing.assert_array_equal(
        in_blocks(NOISE, from_rate, to_rate, sizes), resample(NOISE, from_rate, to_rate), strict=True
    )


def test_blocks_equal_the_whole_when_it_is_long() -> None:
    wav = np.random.default_rng(1).standard_normal((1, 200_000)).astype(np.float32)
    np.testing.assert_array_equal(in_blocks(wav, 44100, 24000, [999]), resample(wav, 44100, 24000))


@pytest.mark.parametrize(("from_rate", "to_rate"), RATE_PAIRS)
def test_the_samples_are_soxrs(from_rate: int, to_rate: int) -> None:
    theirs = soxr.resample(NOISE.T.copy(), from_rate, to_rate, quality="HQ").T
    np.testing.assert_allclose(resample(NOISE, from_rate, to_rate)[:, : theirs.shape[1]], theirs, atol=1e-6)


@pytest.mark.parametrize("num_samples", [0, 1, 2, 3, 319, 320, 321, 4801])
@pytest.mark.parametrize(("from_rate", "to_rate"), [*RATE_PAIRS, (480, 1), (1, 480), (7, 5), (768000, 767999)])
def test_length(num_samples: int, from_rate: int, to_rate: int) -> None:
    wav = NOISE[:, :num_samples]
    expected = (2, math.ceil(num_samples * to_rate / from_rate))
    assert resample(wav, from_rate, to_rate).shape == expected
    assert in_blocks(wav, from_rate, to_rate, [100]).shape == expected


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 768_000), st.integers(1, 768_000), st.integers(0, 300), st.integers(1, 50))
def test_length_at_any_rates(from_rate: int, to_rate: int, num_samples: int, size: int) -> None:
    if num_samples * to_rate / from_rate > 1e5 or not 1e-3 < to_rate / from_rate < 1e5:
        return
    out = in_blocks(NOISE[:1, :num_samples], from_rate, to_rate, [size])
    assert out.shape[1] == output_length(num_samples, from_rate, to_rate) == -(-num_samples * to_rate // from_rate)


def test_length_is_exact_beyond_floats() -> None:
    assert output_length(3 * 10**17 + 1, 3, 1) == 10**17 + 1


def test_equal_rates_change_nothing() -> None:
    np.testing.assert_array_equal(resample(NOISE, 24000, 24000), NOISE, strict=True)
    np.testing.assert_array_equal(in_blocks(NOISE, 24000, 24000, [7]), NOISE, strict=True)


def test_every_signal_of_a_batch_is_its_own() -> None:
    batch = NOISE[:, :4998].reshape(2, 3, -1)
    out = resample(batch, 44100, 24000)
    for index in np.ndindex(2, 3):
        np.testing.assert_array_equal(out[index], resample(batch[index], 44100, 24000))
    assert resample(np.zeros((0, 2, 441), np.float32), 44100, 24000).shape == (0, 2, 240)
    assert resample(np.zeros((2, 0), np.float32), 44100, 24000).shape == (2, 0)


def test_a_flushed_resampler_is_as_new() -> None:
    resampler = Resampler(44100, 24000, 2)
    first, second = (np.concatenate([resampler.push(NOISE), resampler.flush()], axis=1) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert resampler.flush().shape == (2, 0)


def test_memory_layout_does_not_matter() -> None:
    np.testing.assert_array_equal(
        resample(NOISE[:, ::-1].T.copy().T, 44100, 24000), resample(NOISE[:, ::-1].copy(), 44100, 24000)
    )
    assert resample(NOISE.astype(np.float64), 44100, 24000).dtype == np.float32


@pytest.mark.parametrize("rate", [0, -1, 1.5, "24000", True, 768_001])
def test_impossible_rates(rate: object) -> None:
    with pytest.raises(AudioError, match="sample_rate must be"):
        resample(NOISE, rate, 24000)
    with pytest.raises(AudioError, match="sample_rate must be"):
        Resampler(24000, rate, 1)


def test_the_widest_ratios() -> None:
    assert resample(np.ones(3, np.float32), 768_000, 1000).shape == (1,)
    assert resample(np.ones(1, np.float32), 1, 2**19).shape == (2**19,)
    with pytest.raises(AudioError, match="cannot resample from 1 to 524289 Hz"):
        resample(np.ones(1, np.float32), 1, 2**19 + 1)


def test_misshapen_blocks() -> None:
    resampler = Resampler(44100, 24000, 2)
    for block in (NOISE[0], NOISE[:1], NOISE.T, NOISE.astype(np.int16)):
        with pytest.raises(AudioError, match=r"expected floats of shape \[2, n\]"):
            resampler.push(block)
    with pytest.raises(AudioError, match="cannot resample 0 channels"):
        Resampler(44100, 24000, 0)
    with pytest.raises(AudioError, match="single number"):
        resample(np.array(1.0), 44100, 24000)
