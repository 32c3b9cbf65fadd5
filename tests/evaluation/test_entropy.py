"""Entropy of code sequences whose entropy is known."""

import numpy as np
import pytest

from kvant.entropy import entropy
from kvant.evaluation.entropy import entropy_rate


@pytest.mark.parametrize("size", [2, 8, 1024])
def test_uniform_codes_have_all_their_bits_and_a_constant_none(size):
    counts = np.full(size, 50)
    assert entropy(counts) == entropy(counts, corrected=False) == pytest.approx(np.log2(size))
    assert entropy(np.eye(size)[0] * 50) == 0
    assert entropy(np.zeros(size)) == 0


def test_the_correction_is_that_of_miller():
    # Probabilities 1/2, 1/4, 1/4: 1.5 bits; three codes seen of four, eight in all.
    counts = np.array([4, 2, 2, 0])
    assert entropy(counts, corrected=False) == pytest.approx(1.5)
    assert entropy(counts) == pytest.approx(1.5 + 2 / (2 * 8 * np.log(2)))


def test_the_correction_takes_the_bias_off():
    # At four draws a code the plug-in estimate is low by about (V - 1) / (2 n ln 2).
    size, draws = 256, 4 * 256
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.full(size, 5.0))
    truth = -np.sum(share * np.log2(share))
    counts = rng.multinomial(draws, share, size=100)
    plain = np.mean([entropy(each, corrected=False) for each in counts])
    assert plain - truth == pytest.approx(-(size - 1) / (2 * draws * np.log(2)), rel=0.2)
    assert abs(np.mean([entropy(each) for each in counts]) - truth) < 0.2 * (truth - plain)


def test_the_rate_is_the_sum_over_levels_times_the_frame_rate():
    # Level 0 counts through its four codes, level 1 stands still; the clips have other lengths.
    codes = [np.stack([np.arange(length) % 4, np.zeros(length, np.int64)]) for length in (80, 4, 0)]
    rate = entropy_rate(codes, (4, 16), 75.0)
    assert rate.bits == (2.0, 0.0)
    assert rate.bitrate == 150.0
    assert (rate.frames, rate.needed, rate.trusted) == (84, 320, False)
    assert entropy_rate(codes, (4, 4), 75.0).trusted
    assert entropy_rate([], (4, 4), 75.0).bitrate == 0
