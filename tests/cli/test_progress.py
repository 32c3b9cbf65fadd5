"""The progress bar: on a terminal, on standard error, and only when one has to wait."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kvant.cli import progress
from tests.cli.conftest import Outcome


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def use_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Called by the test itself: between fixtures and tests, sys.stderr changes."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    return terminal


@pytest.mark.parametrize("length", [48000, None])
def test_bar(length: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0)
    terminal = use_terminal(monkeypatch)
    with progress.Progress(2) as bar:
        bar.begin("[red]one\n.wav", length)
        bar(24000)
        assert bar.samples_done == 24000
        bar.next_job()
    assert "1/2 [red]one\\n.wav" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()
    assert ("25%" in terminal.getvalue()) == (length is not None)


def test_one_file_of_unknown_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0)
    terminal = use_terminal(monkeypatch)
    with progress.Progress(1) as bar:
        bar.begin("standard input", None)
        bar(24000)
    assert "standard input" in terminal.getvalue()
    assert "100%" not in terminal.getvalue()


def test_short_work_needs_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    with progress.Progress(1) as bar:
        bar.begin("one.wav", 48000)
        bar(48000)
        bar.next_job()
    assert terminal.getvalue() == ""


def test_no_bar_without_a_terminal(clip: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0)
    assert run("encode", clip).err == ""
