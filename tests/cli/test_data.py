"""`kvant data` as users give it: what is printed, written, left behind, and refused."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from kvant.audio import write
from kvant.cli.failures import INTERRUPTED
from kvant.data.manifest import Recording
from tests.cli.conftest import RATE, Outcome


@pytest.fixture
def folder(tmp_path: Path, wav: np.ndarray) -> Path:
    """Three speakers, a copy, a broken file."""
    root = tmp_path / "audio"
    for name, part in (("ann", wav[:, :12000]), ("bo", wav[:, 12000:]), ("carla", wav[:, 4000:18000])):
        (root / name).mkdir(parents=True)
        write(root / name / "1.wav", part, RATE)
    write(root / "carla/2.flac", wav[:, :12000], RATE)
    (root / "bo/broken.wav").write_text("words " * 99)
    (root / "bo/notes.txt").write_text("words")
    return root


def test_scan_says_what_there_is(folder: Path, run: Callable[..., Outcome]) -> None:
    done = run("data", "scan", folder, "--labels", "{speaker}/*", "--workers", 1)
    assert done.code == 0
    assert "5 files, " in done.out
    assert "usable: 3 files, 2.4 s" in done.out
    assert "corrupt: 1 file" in done.out
    assert "duplicate: 1 file" in done.out
    assert "3 speakers: " in done.out
    assert "passed over: 1 files of other kinds" in done.out
    assert done.err.count("\n") == 1
    assert done.err.startswith(f"kvant: error: {folder / 'bo/broken.wav'}: not audio that can be read")


def test_scan_as_json(folder: Path, run: Callable[..., Outcome]) -> None:
    found = json.loads(run("data", "scan", folder, "--json", "--workers", 1).out)
    assert (found["files"], found["usable_files"], found["corrupt"], found["duplicate"]) == (5, 3, 1, 1)
    assert found["files_of_other_kinds"] == 1


def test_from_a_folder_to_a_corpus(folder: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    manifest, out = tmp_path / "m.jsonl", tmp_path / "out"
    assert run("data", "scan", folder, "-o", manifest, "--labels", "{speaker}/*", "--workers", 2).code == 0
    assert [json.loads(line)["speaker"] for line in manifest.read_text().splitlines()] == ["ann", "bo", "bo"] + 2 * [
        "carla"
    ]
    arguments = ("data", "prepare", manifest, out, "--dev-speakers", "bo", "--test-speakers", "0%", "--workers", 1)
    done = run(*arguments)
    assert done.code == 2
    assert "name the scanned folder with --root" in done.err
    done = run(*arguments, "--root", folder)
    assert (done.code, done.err) == (0, "")
    assert [line.split(": ")[0] for line in done.out.splitlines()] == [f"{out / 'train'}", f"{out / 'dev'}"]
    assert not (out / "test").exists()
    assert {json.loads(line)["speaker"] for line in (out / "dev/clips.jsonl").read_text().splitlines()} == {"bo"}
    again = run(*arguments, "--root", folder)
    assert again.code == 2
    assert "exists already; use -f" in again.err
    assert run(*arguments, "--root", folder, "-f").code == 0


def test_an_interrupted_scan_leaves_no_manifest(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]
) -> None:
    def interrupted(path: Path, name: str) -> Recording:
        if name.startswith("carla"):
            raise KeyboardInterrupt
        return Recording(name)

    monkeypatch.setattr("kvant.data.scanning.measure", interrupted)
    assert run("data", "scan", folder, "-o", tmp_path / "m.jsonl", "--workers", 1).code == INTERRUPTED
    assert not (tmp_path / "m.jsonl").exists()


def test_fetch_lists_what_there_is(run: Callable[..., Outcome]) -> None:
    done = run("data", "fetch")
    assert done.code == 0
    assert done.out.startswith("voices: speech at 24 kHz")
    assert "festvox-ru" in done.out
    assert "CC-BY-SA-3.0" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scan", "nowhere"], "nowhere: is no folder"),
        (["scan", "DIR", "--labels", "*/*"], "a pattern has some of"),
        (["scan", "DIR", "--labels", "no.csv"], "no.csv: cannot be read"),
        (["scan", "DIR", "-o", "DIR"], "is a folder; name a file in it"),
        (["prepare", "nothing.jsonl", "OUT"], "nothing.jsonl: cannot be read"),
        (
            ["prepare", "nothing.jsonl", "OUT", "--dev-speakers", "2."],
            "--dev-speakers 2.: a share is from 0 to below 1",
        ),
        (["fetch", "noises"], "noises: no such corpus; kvant data fetch lists them"),
        (["fetch", "voices"], "name the folder to write to: -o OUT"),
    ],
)
def test_wrong_use(
    arguments: list[str], message: str, folder: Path, tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    done = run("data", *({"DIR": folder, "OUT": tmp_path / "out"}.get(each, each) for each in arguments))
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_packages_are_kept_where_all_is_that_was_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]
) -> None:
    monkeypatch.setenv("KVANT_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr("kvant.data.open_corpus.make_corpus", lambda recipe, cache, *_: [f"packages in {cache}"])
    done = run("data", "fetch", "voices", "-o", tmp_path / "out")
    assert (done.code, done.out) == (0, f"packages in {tmp_path / 'kept' / 'packages'}\n")


def test_fetching_where_there_is_no_apt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "av", ModuleType("av"))
    done = run("data", "fetch", "voices", "--cache", tmp_path / "cache", "-o", tmp_path / "out")
    assert done.code == 2
    assert "there is no apt-get here; fetch on Debian or Ubuntu" in done.err


def test_what_decoding_needs_is_asked_for_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    done = run("data", "fetch", "voices", "--cache", tmp_path / "cache", "-o", tmp_path / "out")
    assert done.code == 2
    assert "pip install 'kvant[eval]'" in done.err
    assert not (tmp_path / "cache").exists()
