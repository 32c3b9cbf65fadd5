"""Folders: the tree is kept, a file that fails is named once, the others go on."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kvant.audio import write
from tests.cli.conftest import RATE, Outcome


@pytest.fixture
def album(tmp_path: Path, wav: np.ndarray) -> Path:
    folder = tmp_path / "album"
    for name in ("one.wav", "Two.FLAC", "live/one.wav", "live/deep/three.ogg", ".hidden/four.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name, wav[:, :4000], RATE, format=name.split(".")[-1].lower())
    (folder / "notes.txt").write_text("not audio")
    (folder / "._one.wav").write_bytes(b"not audio either")
    return folder


TREE = {"one", "Two", "live/one", "live/deep/three"}


def tree(folder: Path, suffix: str) -> set[str]:
    return {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob(f"*{suffix}")}


def test_there_and_back(album: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    done = run("encode", album, tmp_path / "coded", "-n", "1")
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == 4
    assert tree(tmp_path / "coded", ".kvt") == TREE
    assert run("decode", tmp_path / "coded", tmp_path / "back").code == 0
    assert tree(tmp_path / "back", ".wav") == TREE


def test_beside_the_sources(album: Path, run: Callable[..., Outcome]) -> None:
    assert run("encode", album, "-n", "1").code == 0
    assert tree(album, ".kvt") == TREE


def test_failures_are_named_once(album: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    (album / "bad.wav").write_bytes(b"not audio")
    (album / "live/phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(99))
    (tmp_path / "coded").mkdir()
    (tmp_path / "coded/one.kvt").write_bytes(b"precious")
    done = run("encode", album, tmp_path / "coded", "-n", "1")
    assert done.code == 2
    assert len(done.out.splitlines()) == 3
    assert len(done.err.splitlines()) == 3
    for name in ("bad.wav", "phone.m4a", "one.kvt"):
        assert done.err.count(name) == 1
    assert tree(tmp_path / "coded", ".kvt") == TREE
    assert (tmp_path / "coded/one.kvt").read_bytes() == b"precious"
    assert run("encode", album, tmp_path / "coded", "-n", "1", "-f").out.count("one.kvt") == 2


def test_a_damaged_file_among_others(album: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    run("encode", album, tmp_path / "coded", "-n", "1")
    cut = tmp_path / "coded/Two.kvt"
    cut.write_bytes(cut.read_bytes()[:-30])
    (tmp_path / "coded/other.kvt").write_bytes(b"nothing")
    done = run("decode", tmp_path / "coded", tmp_path / "back")
    assert done.code == 1
    assert len(done.err.splitlines()) == 2
    assert tree(tmp_path / "back", ".wav") == TREE


def test_two_sources_of_one_target(album: Path, wav: np.ndarray, run: Callable[..., Outcome]) -> None:
    write(album / "one.flac", wav[:, :4000], RATE)
    done = run("encode", album, "-n", "1", "-f")
    assert done.code == 2
    assert done.err.startswith(f"kvant: error: {album / 'one.wav'}: {album / 'one.kvt'} is made from ")
    assert tree(album, ".kvt") == TREE


def test_what_failed_takes_no_target(album: Path, wav: np.ndarray, run: Callable[..., Outcome]) -> None:
    (album / "one.flac").write_bytes(b"not audio, and before one.wav")
    done = run("encode", album, "-n", "1")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert tree(album, ".kvt") == TREE


def test_an_unexpected_error_stops_nobody_else(
    album: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]
) -> None:
    from kvant.audio import open_audio

    def fail(source: str) -> object:
        if source.endswith("Two.FLAC"):
            raise ZeroDivisionError("by zero")
        return open_audio(source)

    monkeypatch.setattr("kvant.audio.open_audio", fail)
    done = run("encode", album, "-n", "1")
    assert done.code == 70
    assert "Two.FLAC: unexpected ZeroDivisionError" in done.err
    assert tree(album, ".kvt") == TREE - {"Two"}


def test_impossible_folders(album: Path, clip: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    for target in (clip, "-"):
        done = run("encode", album, target)
        assert (done.code, "must be a folder" in done.err) == (2, target == "-")
    (tmp_path / "file").write_bytes(b"")
    assert "must be a folder" in run("encode", album, tmp_path / "file").err
    (tmp_path / "empty").mkdir()
    for verb in ("encode", "decode"):
        done = run(verb, tmp_path / "empty")
        assert done.code == 2
        assert "no files of these kinds" in done.err
    shutil.rmtree(album)
    assert "no such file" in run("encode", album).err
