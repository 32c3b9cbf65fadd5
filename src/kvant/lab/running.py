"""Running experiments by name."""

import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import torch

from kvant.errors import UsageError
from kvant.lab import EXPERIMENTS, folder
from kvant.lab.bench import HOW_TO_GET, Bench
from kvant.lab.experiment import Experiment


def load(names: Sequence[str], bench: Bench) -> list[Experiment]:
    """The experiments of these names, or whose names start so ('a', 'a1'), in the order of the report; all if none.

    UsageError: no such experiment, or one that needs a corpus and the bench has none.
    """
    for name in names:
        if not any(each.startswith(name) for each in EXPERIMENTS):
            raise UsageError(f"{name}: no such experiment; kvant lab list shows all")
    chosen = [each for each in EXPERIMENTS if not names or each in names or each.startswith(tuple(names))]
    experiments: list[Experiment] = [import_module(EXPERIMENTS[name]).EXPERIMENT for name in chosen]
    waiting = [each.name for each in experiments if each.needs_corpus]
    if waiting and bench.corpus is None:
        raise UsageError(f"{', '.join(waiting)}: hears speech of a prepared corpus; {HOW_TO_GET}")
    if waiting:
        bench.folder("train")
    return experiments


def execute(experiment: Experiment, bench: Bench, output: Path) -> folder.Told:
    """Run one and write output/NAME; torch's own generator starts from the bench's seed."""
    torch.manual_seed(bench.seed)
    start = time.process_time()
    finding = experiment.run(bench)
    seconds = time.process_time() - start
    return folder.write(output, experiment, finding, bench.seed, seconds, torch.get_num_threads())
