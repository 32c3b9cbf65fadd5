"""Many jobs, one after the other: a file that fails is named once, the others go on."""

import os
from collections.abc import Callable
from typing import NamedTuple

import typer

from kvant.cli import interrupts
from kvant.cli.failures import is_broken_pipe, printable, report
from kvant.cli.paths import STANDARD, Job, check_target
from kvant.cli.progress import Progress
from kvant.errors import UsageError


class Done(NamedTuple):
    """A job whose target was made. text: what to say about it. exit_code: more than 0 if the source was damaged."""

    text: str
    exit_code: int = 0


def run(jobs: list[Job], work: Callable[[Job, Progress], Done], force: bool) -> None:
    """Do all `jobs`, print a line for each file made, and leave with the worst exit code."""
    worst = 0
    made: dict[str, str] = {}  # target -> source
    with Progress(len(jobs)) as progress:
        for job in jobs:
            try:
                if earlier := made.get(job.target):
                    raise UsageError(f"{job.source}: {job.target} is made from {earlier} already; rename one of them")
                if job.in_tree:
                    check_target(job, force)
                    os.makedirs(os.path.dirname(job.target), exist_ok=True)
                done = work(job, progress)
                made[job.target] = job.source
                worst = max(worst, done.exit_code)
                if job.target != STANDARD:
                    print(printable(f"{job.target}: {done.text}"))
            except Exception as error:
                interrupts.check()
                if is_broken_pipe(error):
                    raise
                worst = max(worst, report(error, job.source_name))
            progress.next_job()
    if worst:
        raise typer.Exit(worst)
