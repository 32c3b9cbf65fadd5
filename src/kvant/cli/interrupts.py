"""Ctrl-C that is not lost: inside a callback from C, as libsndfile makes, Python prints an exception and goes on.

What was being read or written then has a hole, so that interrupt must still end the work.
"""

import contextlib
import sys
from collections.abc import Iterator
from contextvars import ContextVar

_lost: ContextVar[bool] = ContextVar("_lost", default=False)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """While the block runs, an interrupt lost in a callback is remembered, in silence, for `check`."""
    previous = sys.unraisablehook

    def remember(unraisable: "sys.UnraisableHookArgs") -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            _lost.set(True)
        else:
            previous(unraisable)

    sys.unraisablehook = remember
    try:
        yield
    finally:
        sys.unraisablehook = previous
        _lost.set(False)


def lost() -> bool:
    """Whether one was."""
    return _lost.get()


def check() -> None:
    """Raise the KeyboardInterrupt that was lost, if one was. To be called before anything is made final."""
    if lost():
        raise KeyboardInterrupt
