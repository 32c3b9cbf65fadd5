"""Blocks of codes with depths, as an entropy model will meet them: constant ones, and those of constant error."""

from dataclasses import dataclass

import numpy as np

from kvant.quantizers.slots import ABSENT

CONSTANT = 0.25
"""Share of the blocks that have one depth for all frames."""
LENGTHS = (75, 150, 300)
"""Frames of a block."""


def depths_below(errors: np.ndarray, limit: float) -> np.ndarray:
    """int64 [..., T]: the fewest levels, 1..K, that bring the errors [..., K + 1, T] below `limit`; all, if none do."""
    below = errors < limit
    return np.where(below.any(axis=-2), below.argmax(axis=-2).clip(1), errors.shape[-2] - 1)


@dataclass(frozen=True)
class CodedBlocks:
    """codes [S, K, T] of S segments, and squared errors [S, K + 1, T] of a frame's latents after 0, 1, ... K levels."""

    codes: np.ndarray
    errors: np.ndarray

    def limits(self, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
        """Mean depths, ascending, and the limits that give them."""
        some = self.errors[:: max(1, len(self.errors) // 200)]
        limits = np.geomspace(some.max(), max(float(some.min()), 1e-4), count)
        return np.array([depths_below(some, limit).mean() for limit in limits]), limits

    def draw(
        self, rng: np.random.Generator, level: int, curve: tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, ...]:
        """(codes [K, n], ABSENT beyond the depths; depths [n]) of one block, of depths that often reach `level`.

        curve: what `limits` gives.
        """
        levels, frames = self.codes.shape[1:]
        segment = rng.integers(len(self.codes))
        length = min(int(rng.choice(LENGTHS)), frames)
        start = rng.integers(frames - length + 1)
        codes = self.codes[segment, :, start : start + length]
        if rng.random() < CONSTANT:
            depths = np.full(length, rng.integers(level + 1, levels + 1))
        else:
            mean = rng.uniform(max(0.7, 0.6 * level), levels)
            errors = self.errors[segment, :, start : start + length]
            depths = depths_below(errors, float(np.exp(np.interp(mean, curve[0], np.log(curve[1])))))
        return np.where(np.arange(levels)[:, None] < depths, codes, ABSENT).astype(np.int64), depths
