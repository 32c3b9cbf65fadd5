"""A progress bar for those who wait at a terminal."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kvant.cli import interrupts
from kvant.cli.failures import printable

if TYPE_CHECKING:
    import rich.progress

PATIENCE = 2.0
"""Seconds until the bar appears: short work needs none."""


class Progress:
    """How much of `num_jobs` is done, on standard error if that is a terminal and the work takes longer.

    samples_done: of the current file, per channel.
    """

    def __init__(self, num_jobs: int) -> None:
        self._num_jobs = num_jobs
        self.samples_done = 0
        self._finished = 0
        self._name = ""
        self._num_samples: int | None = None
        self._due = time.monotonic() + PATIENCE if sys.stderr.isatty() else float("inf")
        self._bar: rich.progress.Progress | None = None

    def begin(self, name: str, num_samples: int | None) -> None:
        """The next calls are about the file `name` of so many samples, None if that is not known."""
        self._name, self._num_samples, self.samples_done = name, num_samples, 0

    def __call__(self, samples_done: int) -> None:
        """So many samples of the file are done."""
        interrupts.check()
        self.samples_done = samples_done
        if time.monotonic() < self._due:
            return
        share = min(samples_done / self._num_samples, 1.0) if self._num_samples else 0.0
        self._show(self._finished + share)

    def next_job(self) -> None:
        """One more job is done."""
        self._finished += 1
        self._num_samples = None
        if time.monotonic() >= self._due and self._finished < self._num_jobs:
            self._show(self._finished)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def _show(self, jobs_done: float) -> None:
        # of a single job of unknown length nobody can tell how much is left
        total = None if self._num_jobs == 1 and not self._num_samples else self._num_jobs
        place = f"{self._finished + 1}/{self._num_jobs} " if self._num_jobs > 1 else ""
        description = place + printable(self._name)
        if self._bar is None:
            self._bar = _make_bar()
            self._bar.add_task(description, total=total)
        self._bar.update(self._bar.task_ids[0], description=description, total=total, completed=jobs_done)
        self._bar.start()  # once is enough, more do no harm


def _make_bar() -> "rich.progress.Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    name = Column(no_wrap=True, overflow="ellipsis", max_width=40)
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # what goes to a file is not to be mixed into the bar
    )
