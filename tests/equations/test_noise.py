"""The noise carrier: the same numbers on every machine, and noise."""

import numpy as np
import pytest
import torch

from kvant.layers.noise import NoiseCarrier, random_signs
from kvant.streaming import stepwise


def test_signs_are_the_top_bits_of_the_generator() -> None:
    """From s = 1: 1015568748, 1586005467, 2165703038, 3027450565, 217083232, 1587069247, 3327581586, 2388811721."""
    states, seed = [], np.array([1], np.uint32)
    for _ in range(8):
        seed = seed * np.uint32(1664525) + np.uint32(1013904223)
        states.append(int(seed[0]))
    assert states == [1015568748, 1586005467, 2165703038, 3027450565, 217083232, 1587069247, 3327581586, 2388811721]
    assert random_signs(2, 4).flatten().tolist() == [1.0 if state >= 2**31 else -1.0 for state in states]


def test_rows_are_read_in_turn_and_repeat_with_the_period() -> None:
    carrier = NoiseCarrier(num_bins=10, period=6)
    out = carrier(torch.zeros(2, 3, 20))
    expected = random_signs(6, 10)[torch.arange(20) % 6].T
    assert torch.equal(out, expected.expand(2, 10, 20))


@pytest.mark.parametrize("sizes", [[1] * 20, [5, 6, 9], [13, 7]])
def test_the_frame_counter_runs_over_chunks(sizes: list[int]) -> None:
    carrier = NoiseCarrier(num_bins=10, period=6)
    x = torch.zeros(2, 3, 20)
    assert torch.equal(stepwise(carrier, x, sizes), carrier(x))


def test_frames_look_like_noise() -> None:
    """Balanced, rows and columns uncorrelated as far as their lengths allow (5 standard deviations)."""
    table = random_signs(64, 320)
    assert abs(float(table.mean())) < 5 / 143
    rows = table @ table.T / 320 - torch.eye(64)
    assert rows.abs().max() < 5 / 320**0.5
    assert abs(float((table[:, 1:] * table[:, :-1]).mean())) < 5 / 143
