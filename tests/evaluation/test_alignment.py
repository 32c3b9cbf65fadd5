"""Delay, polarity and gain are recognised, and are not taken for distortion."""

import warnings

import numpy as np
import pytest

from kvant.errors import AudioError
from kvant.evaluation.alignment import Alignment, estimate_alignment, shift
from kvant.evaluation.metrics import MelDistance, SiSdr, UndefinedScore
from kvant.evaluation.self_check import DELAY, HarnessError, self_check

RATE = 24000


@pytest.mark.parametrize("delay", [-300, -1, 0, 1, 7, 480, 5999])
@pytest.mark.parametrize("gain", [1.0, -1.0, 0.25])
def test_delay_and_gain_are_found(voice, delay, gain):
    found = estimate_alignment(gain * shift(voice, -delay, len(voice)), voice, RATE)
    assert found.delay == delay
    assert found.gain == pytest.approx(gain, rel=0.1)  # what was shifted out is missing
    assert found.inverted == (gain < 0)


def test_delay_is_found_in_noise_at_0_db(voice):
    noise = np.random.default_rng(1).normal(scale=voice.std(), size=len(voice))
    assert estimate_alignment(shift(voice, -201, len(voice)) + noise, voice, RATE).delay == 201


@pytest.mark.parametrize(("delay", "expected"), [(2400, 2400), (0, 0)])
def test_without_a_common_waveform_the_envelopes_decide(delay, expected):
    # Two independent noises under one envelope: a vocoder's output and its input.
    rng = np.random.default_rng(0)
    envelope = np.repeat(rng.uniform(0, 1, 60) ** 2, 1600)
    reference, estimate = rng.normal(size=(2, len(envelope))) * envelope
    found = estimate_alignment(shift(estimate, -delay, len(estimate)), reference, RATE)
    assert abs(found.correlation) < 0.5
    assert not found.inverted
    assert found.delay == pytest.approx(expected, abs=240)


def test_lengths_may_differ_and_silence_is_defined(voice):
    assert estimate_alignment(voice[:-500], voice, RATE).delay == 0
    assert estimate_alignment(np.zeros(10), voice, RATE) == Alignment(0, 0.0, 0.0)
    with pytest.raises(AudioError):
        estimate_alignment(voice[None], voice, RATE)


@pytest.mark.parametrize(
    ("delay", "length", "expected"),
    [(0, 4, [1, 2, 3, 0]), (1, 3, [2, 3, 0]), (-2, 3, [0, 0, 1]), (5, 2, [0, 0]), (0, 2, [1, 2])],
)
def test_shift(delay, length, expected):
    np.testing.assert_array_equal(shift(np.array([1.0, 2.0, 3.0]), delay, length), expected)


def test_the_harness_checks_itself(voice):
    checks = {check.name: check for check in self_check(voice, RATE, [SiSdr(), MelDistance()])}
    assert [checks[name].alignment.delay for name in ("identity", "delay")] == [0, DELAY]
    assert checks["inversion"].alignment.inverted
    assert checks["attenuation"].alignment.gain == pytest.approx(0.5)
    assert checks["attenuation"].scores["SI-SDR"] == 100  # blind to gain
    # Not blind to gain: log10 2, but for the bands where the clip is below the floor.
    assert 0.8 * np.log10(2) < checks["attenuation"].scores["mel distance"] < np.log10(2)


class Broken(SiSdr):
    """A metric that answers the same whatever it is asked, with or without a reason."""

    def __init__(self, value):
        self.value = value

    def __call__(self, estimate, reference, sample_rate):
        return np.array([self.value])


@pytest.mark.parametrize(("value", "shown"), [(42.0, "42"), (np.nan, "nan")])
def test_a_harness_with_a_wrong_metric_is_refused(voice, value, shown):
    with pytest.raises(HarnessError, match=f"SI-SDR of identity is {shown}"):
        self_check(voice, RATE, [Broken(value)])


def test_a_harness_that_takes_delay_for_distortion_is_refused(voice, monkeypatch):
    monkeypatch.setattr("kvant.evaluation.self_check.estimate_alignment", lambda *_: Alignment(0, 1.0, 1.0))
    with pytest.raises(HarnessError, match="takes delay"):
        self_check(voice, RATE, [SiSdr()])


def test_a_metric_that_says_why_it_is_undefined_is_no_fault_of_the_harness(voice):
    class Demanding(SiSdr):
        def __call__(self, estimate, reference, sample_rate):
            warnings.warn(UndefinedScore("needs an hour"), stacklevel=2)
            return np.array([np.nan])

    checks = self_check(voice, RATE, [Demanding()])
    assert all(np.isnan(check.scores["SI-SDR"]) for check in checks)


def test_what_matches_as_well_upright_is_not_called_inverted():
    # Two copies of a noise, the late one inverted and a little louder: as a formant half a pitch period away may be.
    noise = np.random.default_rng(0).normal(size=RATE)
    estimate = noise - 1.05 * shift(noise, -40, RATE)
    assert estimate_alignment(estimate, noise, RATE).delay == 0
    louder = noise - 1.3 * shift(noise, -40, RATE)
    assert estimate_alignment(louder, noise, RATE).delay == 40
    assert estimate_alignment(louder, noise, RATE).inverted


def test_an_inverted_tone_is_inverted_though_half_a_period_later_it_is_upright():
    tone = np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)
    assert estimate_alignment(-tone, tone, RATE) == pytest.approx((0, -1, -1))
