"""Whether a run goes on as what it was: a state fits many configs that would end it as something else."""

import dataclasses
import json
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from kvant.errors import UsageError
from kvant.training.config import TrainingConfig

FREE = ("corpus", "log.", "threads")
"""Keys that may change: the state knows its corpus by its content, and the others change no weight."""


def check_same_run(path: Path, config: TrainingConfig, done: int) -> None:
    """Compare with the `config.json` at `path`, if there is one, of a run that has taken `done` steps.

    Phases to come may be others, and the present one may be longer or shorter. A key that only one of the two has is of
    another version. UsageError, naming the key: anything else differs, or the file is damaged.
    """
    if not path.exists():
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        steps = [phase["steps"] for phase in before["phases"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: damaged ({error}); restore or remove it") from error
    free = list(FREE)
    for index, (length, end) in enumerate(zip(steps, accumulate(steps))):
        if done <= end:
            free.append(f"phases.{index}." if done <= end - length else f"phases.{index}.steps")
    now = dict(_leaves(json.loads(json.dumps(dataclasses.asdict(config)))))
    for key, value in _leaves(before):
        if key in now and now[key] != value and not key.startswith(tuple(free)):
            raise UsageError(f"{key}={now[key]}: this run began with {value}; go on with that, or start another run")


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of all that is neither a group nor a tuple of groups, with its value."""
    if isinstance(value, list) and any(isinstance(member, dict) for member in value):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _leaves(member, f"{key}.{name}" if key else str(name))
    else:
        yield key, value
