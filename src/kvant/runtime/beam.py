"""Search through the residual codebooks of a model, behind its encoder graph: how far ahead, and how deep."""

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np

from kvant.bitstream import ABSENT
from kvant.errors import ModelError
from kvant.runtime.graph import Graph, State

MAX_SCORES = 1 << 21
"""Candidates weighed at once: few enough to stay in a processor's cache, and what bounds memory."""


class Front(NamedTuple):
    """How far a search of n frames has come: its best sums of k vectors, the nearest first.

    codes: int64 [n, sums, k]. residuals: [n, sums, D], what each sum leaves of the latents. costs: [n, sums], half the
    squared errors, less what all sums of a frame have in common.
    """

    codes: np.ndarray
    residuals: np.ndarray
    costs: np.ndarray

    @classmethod
    def before(cls, latents: np.ndarray) -> Self:
        """The empty sum of each of latents [n, D]."""
        count = len(latents)
        return cls(np.zeros((count, 1, 0), np.int64), latents[:, None], np.zeros((count, 1), np.float32))

    @property
    def errors(self) -> np.ndarray:
        """float32 [n]: squared errors of the nearest sums."""
        squares: np.ndarray = np.square(self.residuals[:, 0]).sum(axis=1)
        return squares

    def of(self, frames: np.ndarray) -> Self:
        """Only some frames, by a mask [n]."""
        return type(self)(*(each[frames] for each in self))


class BeamEncoder:
    """The encoder graph up to its latents, then the search: steps as the graph does, to better codes.

    codebooks: [V_k, D] of the levels to search, in the order of the stream. beam: sums of vectors kept from each level
    to the next, at least 1. limit: of the squared error that a frame may have; it gets the fewest levels that come
    below, one at least, or all, and ABSENT codes behind them. None: all levels.

    A decoder can do without any, as a frame's depth of 0 in a stream says. But those that heard one level at least when
    they learnt are worse for it: at an equal rate, the other frames need the bits less.
    """

    def __init__(self, graph: Graph, codebooks: list[np.ndarray], beam: int, limit: float | None = None) -> None:
        self._graph, self._beam, self._limit = graph, beam, limit
        self._codebooks = [vectors.astype(np.float32) for vectors in codebooks]
        self._half_energies = [np.square(vectors).sum(axis=1) / 2 for vectors in self._codebooks]

    @property
    def energy(self) -> float:
        """Mean squared norm of the first level's vectors: what errors are small against."""
        return 2 * float(self._half_energies[0].mean())

    def initial_state(self, batch: int) -> State:
        """The state before the first frame of `batch` streams."""
        return self._graph.initial_state(batch)

    def step(self, block: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Codes int64 [B, K, T] of wav [B, T, hop], and the next state. ModelError: the graph gives no latents."""
        latents, state = self.latents(block, state)
        batch, frames, dim = latents.shape
        codes = self.search(latents.reshape(-1, dim))
        return codes.reshape(batch, frames, -1).transpose(0, 2, 1), state

    def latents(self, block: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Latents float32 [B, T, D] of wav [B, T, hop], and the next state. ModelError: the graph gives none."""
        latents, state = self._graph.step(block, state, "latents")
        if latents.shape[1] != self._codebooks[0].shape[1]:
            raise ModelError(f"latents of {latents.shape[1]} dimensions, vectors of {self._codebooks[0].shape[1]}")
        return latents.transpose(0, 2, 1), state

    def search(self, latents: np.ndarray) -> np.ndarray:
        """Codes int64 [n, K] of latents [n, D], as `kvant.quantizers.beam.beam_search` defines them.

        With a limit, those of a frame of depth k are what a search of k levels finds.
        """
        parts = [self._search(part) for part in self.parts(latents)]
        return np.concatenate([np.zeros((0, len(self._codebooks)), np.int64), *parts])

    def parts(self, latents: np.ndarray) -> list[np.ndarray]:
        """Latents [n, D] in parts that are small enough to be searched at once."""
        rows = max(1, MAX_SCORES // (self._beam * max(map(len, self._codebooks))))
        return [latents[start : start + rows] for start in range(0, len(latents), rows)]

    def fronts(self, latents: np.ndarray) -> Iterator[Front]:
        """The search of latents [n, D] after each of all levels, whatever the limit."""
        front = Front.before(latents)
        for level in range(len(self._codebooks)):
            front = self._next(front, level)
            yield front

    def _search(self, latents: np.ndarray) -> np.ndarray:
        found = np.full((len(latents), len(self._codebooks)), ABSENT, np.int64)
        places = np.arange(len(latents))  # of the frames that go on
        front = Front.before(latents)
        for level in range(len(self._codebooks)):
            if self._limit is not None and level > 0:
                deeper = front.errors >= self._limit
                places, front = places[deeper], front.of(deeper)
            front = self._next(front, level)
            found[places, : level + 1] = front.codes[:, 0]
        return found

    def _next(self, front: Front, level: int) -> Front:
        """With r = z - v_1 - ... - v_{k-1}, |r - v|^2/2 = |r|^2/2 + |v|^2/2 - r.v; less what all have in common."""
        codes, residuals, costs = front
        vectors = self._codebooks[level]
        scores = residuals.reshape(-1, residuals.shape[2]) @ vectors.T
        np.subtract(self._half_energies[level], scores, out=scores)
        scores = scores.reshape(*costs.shape, len(vectors))
        scores += costs[..., None]
        candidates = scores.reshape(len(costs), costs.shape[1] * len(vectors))
        kept = 1 if level == len(self._codebooks) - 1 else min(self._beam, candidates.shape[1])
        costs, chosen = take_least(candidates, kept)
        costs -= costs[:, :1].copy()
        parents, level_codes = np.divmod(chosen, len(vectors))
        frames = np.arange(len(costs))[:, None]
        residuals = residuals[frames, parents] - vectors[level_codes]
        return Front(np.concatenate([codes[frames, parents], level_codes[..., None]], axis=-1), residuals, costs)


def take_least(candidates: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and places [n, count] of the least of candidates [n, m], ascending; the lower place wins a tie.

    What is taken is overwritten by infinity: `count` searches for one minimum are faster than numpy's partitions.
    """
    rows = np.arange(len(candidates))
    places = np.empty((len(candidates), count), np.int64)
    values = np.empty((len(candidates), count), candidates.dtype)
    for index in range(count):
        places[:, index] = candidates.argmin(axis=1)
        values[:, index] = candidates[rows, places[:, index]]
        candidates[rows, places[:, index]] = np.inf
    return values, places


def residual_codebooks(tensors: dict[str, np.ndarray], sizes: tuple[int, ...]) -> list[np.ndarray]:
    """The vectors [V_k, D] of each level, from a model's tensors. ModelError: it has no codebooks of these sizes."""
    books = [tensors.get(f"quantizer.codebooks.{level}.weight") for level in range(len(sizes))]
    found = [book for book in books if book is not None and book.ndim == 2]
    if tuple(map(len, found)) != sizes or len({book.shape[1] for book in found}) != 1:
        raise ModelError(
            f"the model keeps no residual codebooks of {sizes} vectors to search; leave beam at 1, and depths equal"
        )
    return found
