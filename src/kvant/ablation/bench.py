"""All cells of a grid with all seeds, one after the other or some at a time; what is finished is not done again."""

import dataclasses
import multiprocessing
import os
import re
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from kvant.ablation.cell import Task, clips_of, fingerprint, run
from kvant.ablation.grid import Cell, Grid
from kvant.ablation.results import DIVERGED, DONE, FAILED, Outcome, Results, read_outcome, write_outcome
from kvant.ablation.start import make_start, start_name
from kvant.codecs import ablation
from kvant.data import Segments
from kvant.errors import UsageError
from kvant.evaluation.metrics.choice import METRICS, choose
from kvant.evaluation.plan import processor, versions
from kvant.evaluation.table import Scale

CELLS, RUNS, STARTS = "cells", "runs", "starts"


def plan(grid: Grid, corpus: Path, folder: Path) -> list[Task]:
    """Every cell with every seed, seed by seed: a grid that is stopped has all cells with the first seeds.

    Each cell's codec is built once, so that what cannot be made is known before anything takes time. UsageError: that,
    a metric that is not installed, or no such corpus.
    """
    choose(grid.metrics)
    rate = grid.training.codec.backbone.sample_rate
    marks = [Segments(corpus / split, rate, 1.0, 0).fingerprint for split in ("train", "dev")]
    clips_of(corpus / "dev", grid.clips, rate)
    for cell in grid.cells.values():
        try:
            ablation.build(grid.config(cell, grid.seeds[0], str(corpus)).codec)
        except UsageError as error:
            raise UsageError(f"cell {cell.name!r}: {error}") from error
    return [task(grid, cell, seed, corpus, folder, marks) for seed in grid.seeds for cell in grid.cells.values()]


def task(grid: Grid, cell: Cell, seed: int, corpus: Path, folder: Path, marks: Sequence[str]) -> Task:
    """A cell with a seed; its files are called by what it is, and by the fingerprint of what its figures depend on."""
    config = grid.config(cell, seed, str(corpus))
    mark = fingerprint(config, grid.clips, grid.metrics, " ".join(marks))
    name = f"{re.sub(r'[^a-z0-9.]+', '-', cell.name.lower()).strip('-')[:60]}-seed{seed}-{mark[:8]}"
    start = dataclasses.replace(config.start, checkpoint=str(folder / STARTS / start_name(config, marks[0])))
    config = dataclasses.replace(config, start=start)
    paths = folder / RUNS / name, folder / CELLS / f"{name}.json"
    return Task(cell.name, dict(cell.choices), config, grid.clips, grid.metrics, *paths, mark)


def finished(task: Task) -> Outcome | None:
    """Its outcome if there is one that stands: one that failed is tried again."""
    if not task.result.exists():
        return None
    outcome = read_outcome(task.result)
    return outcome if outcome.status in (DONE, DIVERGED) and outcome.fingerprint == task.fingerprint else None


def outcomes(tasks: Sequence[Task], jobs: int = 1) -> Iterator[Outcome]:
    """Each task's, as they get done; `jobs` processes at a time, or this one. The shared starts are made first."""
    for each in {each.config.start.checkpoint: each for each in tasks}.values():
        make_start(each.config, Path(each.config.start.checkpoint))
    yield from map(run, tasks) if jobs == 1 else _in_processes(list(tasks), jobs)


def _in_processes(waiting: list[Task], jobs: int) -> Iterator[Outcome]:
    """A process a task, so that one that dies takes no other along, and is recorded as failed."""
    context = multiprocessing.get_context("spawn")  # not forked: torch has threads, which a fork does not take along
    os.environ["OMP_NUM_THREADS"] = "1"
    running: dict[Any, tuple[BaseProcess, Task]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                task = waiting.pop(0)
                started = context.Process(target=_run_quietly, args=(task,))
                started.start()
                running[started.sentinel] = started, task
            for sentinel in wait(list(running)):
                process, task = running.pop(sentinel)
                process.join()
                yield _left_by(process, task)
    finally:
        for process, _ in running.values():
            process.terminate()


def _run_quietly(task: Task) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits, which then ends the others
    run(task)


def _left_by(process: BaseProcess, task: Task) -> Outcome:
    """What a process that has ended wrote, or that it died without writing it."""
    if process.exitcode == 0:
        return read_outcome(task.result)
    outcome = task.outcome(FAILED, f"its process died with exit code {process.exitcode}")
    write_outcome(task.result, outcome)
    return outcome


def collect(grid: Grid, done: Sequence[Outcome], command: str) -> Results:
    """All that was found, in the order of the grid. command: that makes it again."""
    phase = grid.training.phases[0]
    about = {"command": command, "seeds": grid.seeds, "clips": grid.clips, "steps": grid.training.steps}
    about |= {"batch_size": phase.batch_size, "seconds": phase.seconds, "processor": processor()}
    about |= {"training": dataclasses.asdict(grid.training), "versions": versions()}
    metrics = [METRICS[name]() for name in grid.metrics]
    scales = tuple(Scale(metric.name, metric.unit, metric.higher_is_better) for metric in metrics)
    groups = {group.question: group.cells for group in grid.groups}
    order = {name: place for place, name in enumerate(grid.cells)}
    return Results(grid.title, about, scales, groups, tuple(sorted(done, key=lambda each: order[each.cell])))
