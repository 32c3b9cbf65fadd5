"""`kvant bench`: what it refuses before it starts a process."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-codec"], "no-such-codec"),
        (["snac-24khz", "--engine", "abacus"], "abacus"),
        (["snac-24khz", "--threads", "two"], "--threads two"),
    ],
)
def test_wrong_use_is_refused(run: Callable[..., Any], arguments: list[str], said: str) -> None:
    done = run("bench", "codecs", *arguments)
    assert done.code == 2
    assert said in done.err
