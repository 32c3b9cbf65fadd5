"""What a verb reads and writes: names, folders, standard input and output."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from kvant.cli import interrupts
from kvant.cli.failures import to_standard_output
from kvant.errors import BitstreamError, ModelError, UsageError
from kvant.files import atomic_write
from kvant.suffixes import READABLE, UNREADABLE

STANDARD = "-"
KVT = (".kvt",)
AUDIO = (*READABLE, *UNREADABLE)


class Job(NamedTuple):
    """One file to make from another; `-` is standard input or output. in_tree: its folder is made, too."""

    source: str
    target: str
    in_tree: bool = False

    @property
    def source_name(self) -> str:
        """What to call the source in messages."""
        return display_name(self.source)


def display_name(path: str) -> str:
    """What to call a file in messages."""
    return "standard input" if path == STANDARD else path


def plan(source: str, target: str | None, suffixes: tuple[str, ...], suffix: str, force: bool) -> list[Job]:
    """The jobs of `SOURCE [TARGET]`, where `target` defaults to `source` with another `suffix`.

    A folder as source means all files below it with one of `suffixes`, hidden ones aside, and the same tree below
    `target`. A folder as target takes a single file under its own name.
    UsageError: nothing to do in the folder, its target is a file, or the target of a single file as `check_target`.
    """
    if source == STANDARD or not os.path.isdir(source):
        beside = STANDARD if source == STANDARD else os.path.splitext(source)[0] + suffix
        if target and beside != STANDARD and target != STANDARD and os.path.isdir(target):
            target = os.path.join(target, os.path.basename(beside))
        job = Job(source, target or beside)
        check_target(job, force)
        return [job]
    root = Path(target or source)
    if target == STANDARD or (root.exists() and not root.is_dir()):
        raise UsageError(f"{target}: must be a folder, as {source} is one")
    names = list(_files(source, suffixes))
    if not names:
        raise UsageError(f"{source}: no files of these kinds in this folder: {' '.join(suffixes)}")
    targets = [os.path.join(root, os.path.splitext(name)[0] + suffix) for name in names]
    return [Job(os.path.join(source, name), made, in_tree=True) for name, made in zip(names, targets)]


def _files(folder: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Names relative to `folder`, in order."""

    def refuse(error: OSError) -> None:
        raise error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(suffixes) and not name.startswith("."):
                yield os.path.relpath(os.path.join(parent, name), folder)


def check_target(job: Job, force: bool) -> None:
    """UsageError if the target exists and may not be replaced, is the source, a folder or a terminal."""
    if job.target == STANDARD:
        if sys.stdout.isatty():
            raise UsageError("standard output is a terminal; name a file, or send it on with > or |")
    elif os.path.isdir(job.target):
        raise UsageError(f"{job.target}: is a folder; name a file in it")
    elif job.target.endswith(os.sep):
        raise UsageError(f"{job.target}: no such folder; make it first, or name a file")
    elif os.path.exists(job.target):
        if os.path.exists(job.source) and os.path.samefile(job.source, job.target):
            raise UsageError(f"{job.target}: would replace what it is made from; name another file")
        if not force:
            raise UsageError(f"{job.target}: exists already; use -f to replace it")


def folder_to_fill(path: str, force: bool) -> Path:
    """A folder that a verb fills when its work is done; what is wrong with it is better known before.

    UsageError: it holds something and `force` is false, or it cannot be made or written into.
    """
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not force:
        raise UsageError(f"{path}: exists already and is not empty; use -f to write into it")
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: cannot be made or written into; name a folder that is yours")
    return folder


@contextlib.contextmanager
def open_bytes(source: str) -> Iterator[BinaryIO]:
    """A file, or standard input, to read bytes from; what the block then finds wrong with them names the file.

    UsageError: no such file, or one that cannot be opened.
    """
    try:
        file = sys.stdin.buffer if source == STANDARD else open(source, "rb")  # noqa: SIM115
    except (OSError, ValueError) as error:
        raise UsageError(f"{source}: cannot be read ({getattr(error, 'strerror', error)})") from error
    try:
        with contextlib.nullcontext() if source == STANDARD else file:
            yield file
    except (BitstreamError, ModelError) as error:
        raise type(error)(f"{display_name(source)}: {error}") from error


@contextlib.contextmanager
def create_bytes(target: str, force: bool) -> Iterator[BinaryIO]:
    """A file that appears when it is whole, or standard output, to write bytes to."""
    if target == STANDARD:
        with to_standard_output():
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
    else:
        with atomic_write(target, overwrite=force) as file:
            yield file
            interrupts.check()
