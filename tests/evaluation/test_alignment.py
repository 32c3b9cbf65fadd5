"""Delay, polarity and gain are recognised, and are not taken for distortion."""

import numpy as np
import pytest

from kvant.errors import AudioError, KvantError
from kvant.evaluation.alignment import Alignment, estimate_alignment, shift
from kvant.evaluation.metrics import MelDistance, SiSdr
from kvant.evaluation.self_check import DELAY, self_check

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


def test_a_harness_with_a_wrong_metric_is_refused(voice):
    class Constant(SiSdr):
        name = "constant"

        def __call__(self, estimate, reference, sample_rate):
            return np.array([42.0])

    with pytest.raises(KvantError, match="constant of identity is 42"):
        self_check(voice, RATE, [Constant()])
