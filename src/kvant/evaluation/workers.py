"""Measurements one after the other, or by several processes at once."""

import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from kvant.errors import KvantError
from kvant.evaluation.clip import Clip
from kvant.evaluation.metrics.choice import METRICS
from kvant.evaluation.scoring import Outcome, measure
from kvant.evaluation.system import System

WARM_UP = 0.5  # s of a clip, through each system before it is timed: graphs are loaded then


class Worker:
    """Takes clips through systems in this process; `metrics`: names as in `METRICS`."""

    def __init__(self, systems: Mapping[str, System], clips: Sequence[Clip], metrics: Sequence[str]) -> None:
        self._systems = systems
        self._clips = clips
        self._metrics = [METRICS[name]() for name in metrics]
        self._warm: set[str] = set()

    def __call__(self, name: str, index: int) -> Outcome:
        """The outcome of system `name` with clip `index`. An error of the system's tells which clip it was."""
        system, clip = self._systems[name], self._clips[index]
        try:
            if name not in self._warm:
                system.decode(system.encode(clip.wav[: round(WARM_UP * clip.sample_rate)], clip.sample_rate))
                self._warm.add(name)
            return measure(name, system, index, clip, self._metrics)
        except KvantError as error:
            raise type(error)(f"{name}, clip {clip.name}: {error}") from error


def outcomes(
    systems: Mapping[str, System], clips: Sequence[Clip], metrics: Sequence[str], jobs: int = 1
) -> Iterator[Outcome]:
    """Every clip through every system, as they get done; with `jobs` processes in no fixed order."""
    tasks = [(name, index) for name in systems for index in range(len(clips))]
    if jobs == 1:
        worker = Worker(systems, clips, metrics)
        yield from (worker(*task) for task in tasks)
        return
    # Not forked: onnxruntime and torch have threads, which a fork does not take along.
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (systems, clips, metrics))
    try:
        for done in as_completed([pool.submit(_work, *task) for task in tasks]):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(systems: Mapping[str, System], clips: Sequence[Clip], metrics: Sequence[str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends its workers
    global _worker
    _worker = Worker(systems, clips, metrics)


def _work(name: str, index: int) -> Outcome:
    return _worker(name, index)


_worker: Worker
