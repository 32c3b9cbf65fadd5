"""Commands as users give them: in this process where that is the same, in one of their own where pipes are involved."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from typer.testing import CliRunner

import kvant
from kvant.audio import read, write
from kvant.cli.app import app

ASSETS = Path(kvant.__file__).parent / "assets"
SCRIPT = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from kvant.cli import main; main()"
COMMAND = [sys.executable, "-c", SCRIPT]
"""Heeds Ctrl-C even where the tests do not: a job in the background of a shell ignores it, and so do its children."""
RATE = 16000


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def run() -> Callable[..., Outcome]:
    """`run("encode", "a.wav")` in this process; whatever happens, no trace is shown."""

    def run(*arguments: object) -> Outcome:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="kvant")
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def spawn() -> Callable[..., "subprocess.Popen[bytes]"]:
    """`spawn("encode", "-")` in a process of its own, its three streams on pipes."""

    def spawn(*arguments: object, **options: Any) -> "subprocess.Popen[bytes]":
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen([*COMMAND, *map(str, arguments)], **(pipes | options))

    return spawn


@pytest.fixture(scope="session")
def wav() -> np.ndarray:
    """One and a half seconds of speech, [1, N] at 16 kHz."""
    speech, sample_rate = read(ASSETS / "en.flac")
    assert sample_rate == RATE
    return speech[:, 8000:32000]


@pytest.fixture
def clip(tmp_path: Path, wav: np.ndarray) -> Path:
    """`wav` as clip.wav in the test's own folder."""
    write(tmp_path / "clip.wav", wav, RATE)
    return tmp_path / "clip.wav"


@pytest.fixture(scope="session")
def stream(wav: np.ndarray) -> bytes:
    """`wav` as the bytes of a .kvt file, all codebooks."""
    return kvant.compress(wav, RATE)


@pytest.fixture
def kvt(tmp_path: Path, stream: bytes) -> Path:
    """`stream` as clip.kvt in the test's own folder."""
    (tmp_path / "clip.kvt").write_bytes(stream)
    return tmp_path / "clip.kvt"


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An installation without its models."""
    monkeypatch.setattr("kvant.runtime.models.SHIPPED", tmp_path / "nothing")


@pytest.fixture
def golden() -> Path:
    """Files of a model that is not here."""
    return Path(__file__).parent.parent / "golden"


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path: Path) -> Any:
    """No test may leave a temporary file of an unfinished output."""
    yield
    assert not list(tmp_path.rglob(".kvant-*"))
