"""What holds for every verb: help, exit codes, errors of one line, and what is not imported."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import kvant
from kvant import bitstream
from kvant.cli import failures, options
from kvant.runtime import DEFAULT
from tests.cli.conftest import COMMAND, Outcome

VERBS = (
    "encode",
    "decode",
    "roundtrip",
    "info",
    "verify",
    "truncate",
    "models",
    "train",
    "export",
    "demo",
    "data",
    "doctor",
    "import",
)

# runs a command and prints which of the heavy modules it has loaded
IMPORTS = """
import sys
from kvant.cli import main
try:
    main()
finally:
    heavy = [name for name in ("torch", "onnxruntime", "numpy", "matplotlib") if name in sys.modules]
    print(*heavy, file=sys.stderr)
"""


def imports(*arguments: object) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_help_names_every_verb(run: Callable[..., Outcome]) -> None:
    done = run("--help")
    assert done.code == 0
    for verb in VERBS:
        assert f"\n  {verb} " in done.out
    assert "..." not in done.out.split("Commands:")[1], "a summary is too long for the list"


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(verb: str, run: Callable[..., Outcome]) -> None:
    assert f"Usage: kvant {verb}" in run(verb, "--help").out
    assert run(verb, "-h").code == 0


def test_help_imports_nothing_heavy() -> None:
    assert imports("--help") == set()
    assert imports("encode", "--help") == set()
    assert imports("--version") == set()


def test_looking_into_streams_needs_numpy_alone(kvt: Path, tmp_path: Path) -> None:
    assert imports("info", kvt) == {"numpy"}
    assert imports("info", "--json", kvt) == {"numpy"}
    assert imports("verify", kvt) == {"numpy"}
    assert imports("truncate", kvt, tmp_path / "lower.kvt", "-n", "1") == {"numpy"}


def test_coding_needs_no_torch(clip: Path, tmp_path: Path) -> None:
    light = {"numpy", "onnxruntime"}
    assert imports("encode", clip) == light
    assert imports("decode", tmp_path / "clip.kvt", tmp_path / "back.wav") == light
    assert imports("roundtrip", clip) == light
    assert imports("models") == light


def test_the_default_model_is_that_of_the_library() -> None:
    assert options.MODEL == DEFAULT


@pytest.mark.skipif(os.name == "nt", reason="no such shell there")
def test_closed_standard_streams(kvt: Path, tmp_path: Path) -> None:
    """A file opened next would take the place of a stream that is closed, and messages would go into it."""
    lower = tmp_path / "lower.kvt"
    script = f"""exec "{sys.executable}" -c "{COMMAND[-1]}" truncate "{kvt}" "{lower}" -n 1 <&- >&- 2>&-"""
    assert subprocess.run(["sh", "-c", script], check=False).returncode == 0
    with lower.open("rb") as file:
        assert bitstream.verify(file).ok


def test_version(run: Callable[..., Outcome]) -> None:
    assert run("--version") == Outcome(0, f"kvant {kvant.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["unknown"],
        ["encode"],
        ["encode", "a.wav", "a.kvt", "more"],
        ["encode", "--unknown", "a.wav"],
        ["encode", "a.wav", "-b"],
        ["encode", "a.wav", "-b", "fast"],
        ["encode", "a.wav", "-n", "1.5"],
        ["encode", "a.wav", "--threads", "0"],
        ["verify"],
        ["truncate", "a.kvt"],
        ["train", "recipe.py"],
    ],
)
def test_wrong_use(arguments: list[str], run: Callable[..., Outcome]) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert "Error: " in done.err
    assert not done.out


def test_an_error_is_one_line(run: Callable[..., Outcome]) -> None:
    for place in (["info", "no such\nfile.kvt"], ["info", "--", "-\x1b[31m.kvt"], ["info", "\udcff.kvt"]):
        done = run(*place)
        assert done.code == 2
        assert done.err.startswith("kvant: error: ")
        assert done.err.count("\n") == 1
        assert done.err.rstrip("\n").isprintable()


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("a division\nby zero")

    monkeypatch.setattr("kvant.bitstream.info", fail)


@pytest.mark.usefixtures("bug")
def test_an_unexpected_error_is_one_line(kvt: Path, run: Callable[..., Outcome]) -> None:
    done = run("info", kvt)
    assert done.code == failures.BUG
    assert done.err.startswith("kvant: error: unexpected ZeroDivisionError: a division\\nby zero; ")
    assert "--debug" in done.err
    assert done.err.count("\n") == 1


DEBUG_PLACES = (["--debug", "info", "FILE"], ["info", "--debug", "FILE"], ["info", "FILE", "--debug"])


@pytest.mark.parametrize("arguments", DEBUG_PLACES)
def test_debug_shows_the_trace_wherever_it_stands(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "not.kvt").write_bytes(b"RIFF")
    given = [str(tmp_path / "not.kvt") if argument == "FILE" else argument for argument in arguments]
    done = subprocess.run([*COMMAND, *given], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("kvant: error: ")


def test_debug_behind_two_dashes_is_a_name(run: Callable[..., Outcome]) -> None:
    assert run("info", "--", "--debug").err == "kvant: error: --debug: cannot be read (No such file or directory)\n"


def test_an_unprintable_name_on_standard_output(tmp_path: Path, stream: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xc3\xa4.kvt"
    Path(os.fsdecode(path)).write_bytes(stream)
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([*COMMAND, "verify", path], capture_output=True, check=False, env=environment)
    assert done.returncode == 0
    assert done.stdout.rstrip().endswith(b".kvt: ok, 114 frames in 2 blocks")
    assert done.stderr == b""
