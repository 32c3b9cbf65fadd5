"""Exceptions as a user meets them: one line on standard error, and an exit code."""

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import typer

from kvant.cli import interrupts
from kvant.errors import KvantError
from kvant.files import NO_ROOM

DAMAGED, UNUSABLE, BUG, INTERRUPTED, BROKEN_PIPE = 1, 2, 70, 130, 141  # the last three as shells and sysexits.h have it

show_traces: ContextVar[bool] = ContextVar("show_traces", default=False)


def reported(verb: Callable[..., None]) -> Callable[..., None]:
    """`verb` with its exceptions turned into a line and an exit code."""

    @functools.wraps(verb)
    def run(*args: object, **options: object) -> None:
        with interrupts.kept():
            try:
                verb(*args, **options)
                interrupts.check()
                with to_standard_output():
                    sys.stdout.flush()  # a reader that has gone is noticed here, not at the interpreter's end
            except typer.Exit:
                raise
            except (KeyboardInterrupt, Exception) as error:
                interrupted = isinstance(error, KeyboardInterrupt) or interrupts.lost()
                raise typer.Exit(INTERRUPTED if interrupted else report(error)) from error

    return run


@contextlib.contextmanager
def to_standard_output() -> Iterator[None]:
    """Standard output is named by the error when there is no room for what the block writes to it."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM and error.filename is None:
            raise OSError(error.errno, error.strerror, "standard output") from error
        raise


def report(error: BaseException, name: str = "") -> int:
    """Print the line of `error`, after its trace if those are asked for; return the exit code.

    name: of the file it is about, put in front of a message that does not say so itself. A broken pipe needs no line:
    who reads has read enough.
    """
    if is_broken_pipe(error):
        _abandon_stdout()
        return BROKEN_PIPE
    if show_traces.get():
        traceback.print_exception(error)
    code, message = _describe(error)
    if name and name not in message:
        message = f"{name}: {message}"
    complain("error", message)
    return code


def complain(kind: str, message: str) -> None:
    """Print `kvant: kind: message` on standard error, as one line."""
    print(f"kvant: {kind}: {printable(message)}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """`text` with line breaks, control characters and undecodable bytes, as file names may have, escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def is_broken_pipe(error: BaseException) -> bool:
    """Whether `error` says, or comes from, that nobody reads what is written."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, BrokenPipeError):
        cause = cause.__cause__
    return cause is not None


def _describe(error: BaseException) -> tuple[int, str]:
    if isinstance(error, KvantError):
        return error.exit_code, str(error)
    if isinstance(error, OSError) and error.strerror:
        unnamed = "standard output or a temporary file: " if error.errno in NO_ROOM else ""
        return UNUSABLE, (f"{error.filename}: " if error.filename else unnamed) + error.strerror
    if isinstance(error, MemoryError):
        return UNUSABLE, "out of memory"
    hint = "this is a bug in kvant, please report it" if show_traces.get() else "run it again with --debug to see where"
    return BUG, f"unexpected {type(error).__name__}: {error}; {hint}"


def _abandon_stdout() -> None:
    """Let what is still buffered go nowhere, or the interpreter complains about it at its end."""
    with contextlib.suppress(OSError, ValueError):  # no descriptor: standard output is not a real file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
