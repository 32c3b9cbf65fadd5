"""Training runs in processes of their own, which can be killed, run out of disk, or be one of several.

They are forked from a server that has imported torch once. POSIX only.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import resource
import signal
import time
import traceback
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from safetensors.torch import save_file

import kvant.files
from kvant.training import loop
from kvant.training.config import TrainingConfig
from kvant.training.run import Run
from kvant.training.run_state import RunState

CONTEXT = multiprocessing.get_context("forkserver")
PRELOADED = ["tests.torch.worker", "tests.torch.small_run", "torch._dynamo"]  # the last by torch, at the first step
CONTEXT.set_forkserver_preload(PRELOADED)
DEADLINE = 120


@dataclasses.dataclass(frozen=True)
class Trouble:
    """What befalls a run. hang_in_save, fill_in_save: in the first save of at least that step. hang_in_settle: phase.

    A run that hangs has made the file `hangs` in its folder. rank: of two processes, which meet at `port`.
    """

    hang_in_save: int | None = None
    hang_in_settle: int | None = None
    fill_in_save: int | None = None
    rank: int | None = None
    port: int = 0


def start(config: TrainingConfig, folder: Path, trouble: Trouble = Trouble()) -> BaseProcess:
    """Train `config` into `folder`, resuming what is there."""
    folder.mkdir(exist_ok=True)
    (folder / "hangs").unlink(missing_ok=True)
    process = CONTEXT.Process(target=train, args=(config, folder, trouble))
    process.start()
    return process


def finish(process: BaseProcess, folder: Path) -> None:
    """Wait for a run that should end well."""
    process.join(DEADLINE)
    assert process.exitcode == 0, (folder.with_suffix(".log")).read_text()[-3000:]


def kill(process: BaseProcess) -> None:
    """SIGKILL: nothing in the process gets to clean up."""
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join(DEADLINE)
    assert process.exitcode == -signal.SIGKILL


def wait_for(process: BaseProcess, folder: Path, step: int | None = None) -> None:
    """Until the run hangs, or has saved `step`."""
    until = time.monotonic() + DEADLINE
    while not ((folder / "hangs").exists() if step is None else loop.saved_step(folder / loop.STATE) >= step):
        assert process.is_alive(), (folder.with_suffix(".log")).read_text()[-3000:]
        assert time.monotonic() < until
        time.sleep(0.005)


def train(config: TrainingConfig, folder: Path, trouble: Trouble) -> None:
    """In the process. Its output goes to `folder`.log; a rank leaves what it has learnt in `folder`.safetensors."""
    with open(folder.with_suffix(".log"), "a") as log, contextlib.redirect_stdout(log):
        try:
            arrange(folder, trouble)
            codec = loop.train(config, folder, resume=True)
        except BaseException:
            traceback.print_exc(file=log)
            raise SystemExit(1) from None
        if trouble.rank is not None:
            save_file(codec.state_dict(), folder.with_suffix(".safetensors"))
            torch.distributed.destroy_process_group()


def arrange(folder: Path, trouble: Trouble) -> None:
    """Put the trouble where the run will meet it."""
    if trouble.rank is not None:
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": trouble.port, "WORLD_SIZE": 2, "RANK": trouble.rank}
        os.environ |= {name: str(value) for name, value in meeting.items()} | {"LOCAL_RANK": str(trouble.rank)}
    save, settle, fsync = RunState.save, Run.settle, os.fsync

    def hang(*_: object) -> None:
        (folder / "hangs").touch()
        time.sleep(2 * DEADLINE)

    def troubled_save(self: RunState, step: int) -> None:
        if trouble.hang_in_save is not None and step >= trouble.hang_in_save:
            kvant.files.os.fsync = hang  # the bytes are written, the file has not yet its name
        if trouble.fill_in_save is not None and step >= trouble.fill_in_save:
            room = self.path.stat().st_size // 2
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        try:
            save(self, step)
        finally:
            kvant.files.os.fsync = fsync
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def troubled_settle(self: Run, index: int) -> None:
        if trouble.hang_in_settle == index:
            hang()
        settle(self, index)

    RunState.save, Run.settle = troubled_save, troubled_settle
