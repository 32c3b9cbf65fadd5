"""Counting models of codes: exact shares, and bytes that decode."""

import numpy as np
import pytest

from kvant.lab.code_statistics import V, bigram, code_lengths, coded_bytes, zero_order


def test_zero_order_lengths_are_those_of_the_counts() -> None:
    learned, coded = np.array([3, 3, 3, 5]), np.array([3, 5, 9])
    expected = np.log2((4 + V) / np.array([4, 2, 1]))
    assert code_lengths(zero_order(learned, coded), coded) == pytest.approx(expected)


def test_a_bigram_knows_a_cycle() -> None:
    """Codes that follow each other cost next to nothing, and ten bits where only frequencies are known."""
    cycle = np.tile(np.arange(64), 100)
    weights = bigram(cycle[:-128], cycle[-128:])
    assert code_lengths(weights, cycle[-128:]).mean() < 0.6
    assert code_lengths(zero_order(cycle, cycle), cycle).mean() > 6
    count, same = coded_bytes(weights, cycle[-128:])
    assert same
    assert 8 * count == pytest.approx(code_lengths(weights, cycle[-128:]).sum(), abs=16)
