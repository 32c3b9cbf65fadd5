"""What frames would have at every depth, and at which limits they would have it.

A frame is deeper than k if no sum of its first k levels or fewer has come below the limit L on squared errors:

    depth > k  if and only if  m_k >= L,    m_k = min(e_1, ..., e_k).

Limits and errors are told apart by their places on a scale: the bits of a float32, which ascend as it does, without the
last 15. Neighbours are 0.4 to 0.8 % apart.
"""

import numpy as np

from kvant.bitstream import ABSENT
from kvant.runtime.beam import BeamEncoder
from kvant.runtime.graph import State

_SHIFT = 15
NUM_PLACES = 1 << 31 - _SHIFT


def limit_at(place: int) -> float:
    """The limit at a place, and the least error there."""
    return float(np.array(place << _SHIFT, np.int32).view(np.float32))


def place_of(limit: float) -> int:
    """The place that a limit lies at."""
    return int(np.array(limit, np.float32).view(np.int32)) >> _SHIFT


class AllDepths:
    """An encoder of K levels whose codes are rows [B, K(K+1)/2 + K - 1, T]: those of depth 1, the two of depth 2, and
    so on, then the places of m_1 to m_{K-1}. A wide beam finds for each depth other codes."""

    def __init__(self, encoder: BeamEncoder) -> None:
        self._encoder = encoder

    def initial_state(self, batch: int) -> State:
        """The state before the first frame."""
        return self._encoder.initial_state(batch)

    def step(self, block: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Rows int64 of wav [B, T, hop], and the next state."""
        latents, state = self._encoder.latents(block, state)
        batch, frames, dim = latents.shape
        rows = np.concatenate([self._rows(part) for part in self._encoder.parts(latents.reshape(-1, dim))])
        return rows.reshape(batch, frames, -1).transpose(0, 2, 1), state

    def _rows(self, latents: np.ndarray) -> np.ndarray:
        fronts = list(self._encoder.fronts(latents))
        errors = np.stack([front.errors for front in fronts], axis=1)[:, :-1]
        places = np.minimum.accumulate(errors, axis=1).view(np.int32) >> _SHIFT
        return np.concatenate([*(front.codes[:, 0] for front in fronts), places], axis=1)


def num_rows(num_levels: int) -> int:
    """Of K levels."""
    return num_levels * (num_levels + 1) // 2 + num_levels - 1


def places_of(rows: np.ndarray, num_levels: int) -> np.ndarray:
    """Places of m_1 to m_{K-1}, [C, K - 1, T], of rows [C, R, T]."""
    return rows[:, num_rows(num_levels) - num_levels + 1 :]


def codes_at(rows: np.ndarray, num_levels: int, place: int) -> np.ndarray:
    """Codes int64 [C, K, T] at the limit of a place, ABSENT behind those that a frame has."""
    depths = 1 + (places_of(rows, num_levels) >= place).sum(axis=1, keepdims=True)
    codes = np.full((len(rows), num_levels, rows.shape[2]), ABSENT, np.int64)
    for depth in range(1, num_levels + 1):
        first = depth * (depth - 1) // 2
        codes[:, :depth] = np.where(depths == depth, rows[:, first : first + depth], codes[:, :depth])
    return codes
