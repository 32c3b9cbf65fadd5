"""Scalar quantizers of a Gaussian of variance 1, exactly: a distortion is an integral of its density."""

import math

import numpy as np


def moments(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integrals of 1, x and x^2 times the normal density between `low` and `high`."""

    def at(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
        share = np.array([0.5 * math.erfc(-each / math.sqrt(2)) for each in x])
        return share, -density, share - np.where(np.isinf(x), 0, x) * density

    return tuple(b - a for a, b in zip(at(low), at(high)))


def cells(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`moments` of the cells of levels in ascending order: what is nearest to each."""
    borders = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    return moments(borders[:-1], borders[1:])


def distortion(levels: np.ndarray) -> float:
    """Mean squared error of the nearest of `levels`."""
    mass, first, second = cells(levels)
    return float((second - 2 * levels * first + levels**2 * mass).sum())


def lloyd_max(size: int) -> float:
    """The least distortion of `size` levels: each at the mean of its cell."""
    levels = np.linspace(-2, 2, size)
    for _ in range(3000):
        mass, first, _ = cells(levels)
        levels = first / mass
    return distortion(levels)


def uniform(size: int) -> float:
    """The least distortion of `size` equally spaced levels, such as finite scalar quantization rounds to."""
    grid = np.arange(size) - (size - 1) / 2
    return min(distortion(step * grid) for step in np.geomspace(0.03, 2, 2000))
