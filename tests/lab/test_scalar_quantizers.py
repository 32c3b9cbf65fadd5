"""Scalar quantizers of a Gaussian, against closed forms and Max's table."""

import math

import numpy as np
import pytest

from kvant.lab.scalar_quantizers import distortion, lloyd_max, moments, uniform


def test_moments_of_the_whole_line_are_one_zero_and_one() -> None:
    mass, first, second = moments(np.array([-np.inf]), np.array([np.inf]))
    assert (mass[0], first[0], second[0]) == (1, 0, 1)


def test_two_levels_are_at_the_means_of_the_halves() -> None:
    """Means sqrt(2 / pi) and distortion 1 - 2 / pi; one level leaves the variance."""
    assert lloyd_max(2) == pytest.approx(1 - 2 / math.pi, rel=1e-12)
    assert distortion(np.array([0.0])) == pytest.approx(1)


@pytest.mark.parametrize(("size", "expected"), [(3, 0.1902), (4, 0.1188), (8, 0.03744), (16, 0.01154)])
def test_equal_steps_lose_what_max_says(size: int, expected: float) -> None:
    """Max (1960), table II."""
    assert uniform(size) == pytest.approx(expected, rel=5e-4)
