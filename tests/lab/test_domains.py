"""Domains: a divergence with its two ends, and music that is not there."""

from pathlib import Path

import numpy as np
import pytest

from kvant.errors import UsageError
from kvant.lab.bench import Bench
from kvant.lab.domains import divergence, music


def test_divergence_is_nothing_of_the_same_and_one_bit_of_what_shares_nothing() -> None:
    shares = np.array([5, 1, 0, 3])
    assert divergence(shares, 7 * shares) == pytest.approx(0, abs=1e-12)
    assert divergence(np.array([2, 3, 0, 0]), np.array([0, 0, 9, 1])) == pytest.approx(1)
    assert divergence(np.array([1, 1]), np.array([1, 0])) == pytest.approx(1.5 - 0.75 * np.log2(3))


def test_a_corpus_without_music_says_how_to_get_some(corpus: Path) -> None:
    with pytest.raises(UsageError, match="kvant data fetch music -o"):
        music(Bench(0, corpus), "train", 4)
