"""Standard input and output, a reader that leaves, and Ctrl-C: in processes of their own."""

import io
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import kvant
from kvant import bitstream
from kvant.audio import read
from kvant.audio.virtual import VirtualFile
from tests.cli.conftest import RATE, Outcome

Spawn = Callable[..., "subprocess.Popen[bytes]"]


def test_through_pipes_as_through_files(clip: Path, stream: bytes, spawn: Spawn, run: Callable[..., Outcome]) -> None:
    out, err = spawn("encode", "-", "-n", "2").communicate(clip.read_bytes())
    assert err == b""
    header, codes = bitstream.read_codes(io.BytesIO(out))
    np.testing.assert_array_equal(codes, bitstream.read_codes(io.BytesIO(stream))[1][:2])
    assert header.source_rate == RATE

    lower, err = spawn("truncate", "-", "-", "-n", "1").communicate(out)
    assert err == b""
    back, err = spawn("decode", "-", "-").communicate(lower)
    assert err == b""
    clip.with_suffix(".kvt").write_bytes(lower)
    assert run("decode", clip.with_suffix(".kvt"), "-f").code == 0
    np.testing.assert_array_equal(read(io.BytesIO(back))[0], read(clip)[0])


def test_looking_into_a_pipe(stream: bytes, spawn: Spawn) -> None:
    assert spawn("verify", "-").communicate(stream)[0] == b"standard input: ok, 114 frames in 2 blocks\n"
    assert spawn("info", "-").communicate(stream)[0].startswith(b"standard input\n")
    process = spawn("verify", "-")
    _, err = process.communicate(stream[:-5])
    assert process.returncode == 1
    assert err.startswith(b"kvant: damage: standard input: ")


def test_damage_in_a_pipe(stream: bytes, spawn: Spawn) -> None:
    process = spawn("decode", "-")
    out, err = process.communicate(stream[: len(stream) * 3 // 4])
    assert process.returncode == 1
    assert err.startswith(b"kvant: damage: standard input: ")
    assert read(io.BytesIO(out))[0].shape[1] > 0.95 * RATE


def test_roundtrip_into_a_pipe_tells_its_figures_elsewhere(clip: Path, spawn: Spawn) -> None:
    out, err = spawn("roundtrip", clip, "-").communicate()
    assert read(io.BytesIO(out))[0].shape == (1, 24000)
    assert b"SI-SDR" in err


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no audio " * 100])
def test_a_pipe_without_audio(content: bytes, spawn: Spawn) -> None:
    process = spawn("encode", "-")
    out, err = process.communicate(content)
    assert (process.returncode, out) == (2, b"")
    assert err.startswith(b"kvant: error: standard input: ")
    assert err.count(b"\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
@pytest.mark.parametrize("verb", ["decode", "encode", "info"])
def test_a_reader_that_leaves_is_no_error(verb: str, clip: Path, wav: np.ndarray, spawn: Spawn) -> None:
    kvt = clip.with_suffix(".kvt")
    kvt.write_bytes(kvant.compress(np.tile(wav, 4), RATE))
    reading, writing = os.pipe()
    os.close(reading)
    arguments = {"decode": [kvt, "-"], "encode": [clip, "-"], "info": [kvt]}[verb]
    process = spawn(verb, *arguments, stdout=writing)
    os.close(writing)
    assert process.communicate()[1] == b""
    assert process.returncode == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("verb", ["encode", "truncate", "info"])
def test_a_full_standard_output_is_named(verb: str, clip: Path, kvt: Path, spawn: Spawn) -> None:
    arguments = {"encode": [clip, "-"], "truncate": [kvt, "-", "-n", 2], "info": [kvt]}[verb]
    with open("/dev/full", "wb") as full:
        process = spawn(verb, *arguments, stdout=full)
        _, err = process.communicate()
    assert process.returncode == 2
    assert b"standard output" in err
    assert err.endswith(b": No space left on device\n")
    assert err.count(b"\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT between processes there")
def test_interrupted_work_leaves_nothing(clip: Path, tmp_path: Path, spawn: Spawn) -> None:
    process = spawn("encode", "-", tmp_path / "never.kvt")
    process.stdin.write(clip.read_bytes()[:4000])
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".kvant-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert process.stderr.read() == process.stdout.read() == b""
    process.stdin.close()
    assert list(tmp_path.iterdir()) == [clip]


@pytest.mark.skipif(os.name == "nt", reason="no terminals of this kind there")
def test_bytes_are_not_poured_into_a_terminal(clip: Path, spawn: Spawn) -> None:
    import pty

    terminal, end = pty.openpty()
    process = spawn("encode", clip, "-", stdout=end)
    assert b"standard output is a terminal" in process.communicate()[1]
    assert process.returncode == 2
    os.close(end)
    os.close(terminal)


@pytest.mark.parametrize("call", [1, 4, 6, 8])
@pytest.mark.parametrize("verb", ["encode", "roundtrip"])
def test_an_interrupt_inside_libsndfile_is_not_lost(
    verb: str, call: int, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]
) -> None:
    """Raised in a callback, it would be printed and forgotten, and the file would end where it struck."""
    calls = 0

    def interrupted(file: VirtualFile, buffer: object) -> int:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        return readinto(file, buffer)

    readinto = VirtualFile.readinto
    monkeypatch.setattr(VirtualFile, "readinto", interrupted)
    assert run(verb, clip, tmp_path / "never.flac" if verb == "roundtrip" else tmp_path / "never") == Outcome(
        130, "", ""
    )
    assert list(tmp_path.iterdir()) == [clip]
    assert calls >= call


def test_an_interrupt_while_libsndfile_writes(
    kvt: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]
) -> None:
    def interrupted(file: VirtualFile, data: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(VirtualFile, "write", interrupted)
    assert run("decode", kvt) == Outcome(130, "", "")
    assert list(kvt.parent.iterdir()) == [kvt]
