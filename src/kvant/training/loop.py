"""The training loop: read it from top to bottom. The loss is in `objective.py`, one step in `gan_step.py`."""

import time
from itertools import accumulate
from pathlib import Path

from kvant.codec import Codec
from kvant.training.config import TrainingConfig
from kvant.training.diagnosis.run_folder import CONFIG
from kvant.training.log import Log
from kvant.training.resuming import check_same_run
from kvant.training.run import Run
from kvant.training.run_state import saved_step
from kvant.training.schedule import schedule, set_rate
from kvant.training.start import STATE
from kvant.training.torch_settings import torch_settings


def train(config: TrainingConfig, folder: Path, resume: bool = False) -> Codec:
    """Train into `folder`; return the averaged codec.

    The folder gets `model.safetensors` (averaged weights, after each phase with refitted codebooks), `start/` (what
    training began from), `state.safetensors` (to resume from), `history.jsonl`, `health.jsonl` and `tensorboard/`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = saved_step(folder / STATE) if resume else 0
    if done:
        check_same_run(folder / CONFIG, config, done)
    with torch_settings(config.seed, config.threads):
        return train_phases(Run(config, folder), done)


def train_phases(run: Run, done: int) -> Codec:
    """Those of a run that are not behind it after `done` steps; returns the averaged codec."""
    config, folder = run.config, run.folder
    if done:
        run.accelerator.print(f"resumes at step {done}", flush=True)
    else:
        run.begin()
    log = Log(run, first=done)
    ends = list(accumulate(phase.steps for phase in config.phases))
    for index, end in enumerate(ends):
        if done <= end:
            done = train_phase(run, log, index, end - config.phases[index].steps, done)
            run.settle(index)
            run.publish(folder / "model.safetensors", end)
    log.close()
    return run.averaged


def train_phase(run: Run, log: Log, index: int, first: int, done: int) -> int:
    """Steps `first` to the end of phase `index`, those up to `done` from the saved state; returns where it ended."""
    config, phase = run.config, run.config.phases[index]
    step, state = run.enlist(index, saved=done > first)
    last = first + phase.steps
    if done > first:
        state.load()
    run.write_config()
    saved = time.monotonic()
    for number in range(max(first, done), last):
        batch, depths = run.batch(index, number - first)
        share = schedule(number - first, phase.steps, phase.optim)
        for optimizer in state.optimizers.values():
            set_rate(optimizer, share)

        log.add(step(number - first, batch, depths), batch)
        run.average.update_parameters(run.codec)

        if (number + 1) % config.log.every == 0:
            log.report(number + 1, batch, share)
        if (number + 1) % config.log.validate_every == 0 or number + 1 == last:
            log.validate(number + 1)
        if time.monotonic() - saved > 60 * config.log.checkpoint_minutes or number + 1 == last:
            if run.accelerator.is_main_process:
                state.save(number + 1)
            run.publish(run.folder / "model.safetensors", number + 1)
            saved = time.monotonic()
    return last
