"""Many files at once, results in order, and only a few ahead of the reader: memory does not grow with their number."""

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from kvant.errors import AudioError

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 8  # items a worker


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Generator[Result]:
    """function(item) of every item, in their order, computed by `workers` processes, in this one if it is 1.

    Closed early, as after Ctrl-C, it waits for what is being computed and no more. AudioError: a process died, as a
    decoder may at a damaged file; it names the first item that may have done it.
    """
    if workers == 1:
        yield from map(function, items)
        return
    pool = ProcessPoolExecutor(workers, initializer=_ignore_interrupts)
    pending: deque[tuple[Item, Future[Result]]] = deque()
    try:
        for item in items:
            pending.append((item, pool.submit(function, item)))
            if len(pending) > AHEAD * workers:
                yield _result(*pending.popleft())
        while pending:
            yield _result(*pending.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _result(item: Item, future: "Future[Result]") -> Result:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise AudioError(f"{item}: a process died at this file or one soon after; find it with --workers 1") from error


def _ignore_interrupts() -> None:
    """Ctrl-C is for the process that reads the results, which then ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
