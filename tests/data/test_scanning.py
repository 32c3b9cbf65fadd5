"""A folder scanned: labels, copies, damaged files, what is said of it all, and the manifest read back."""

from pathlib import Path

import numpy as np
import pytest

from kvant.data.labels import parse_labels
from kvant.data.manifest import Recording, read_manifest
from kvant.data.scanning import find_audio, scan
from kvant.data.summary import Summary
from kvant.errors import UsageError
from tests.data.conftest import RATE, noise, save, tone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two languages, three speakers, a copy, and one file of each flaw."""
    root = tmp_path / "audio"
    save(root / "en/alice/1.wav", noise(1.5, 7900, seed=1))
    save(root / "en/alice/2.flac", noise(1.5, 7900, seed=1))
    save(root / "en/bob/1.wav", noise(0.5, 3400, seed=2))
    save(root / "de/carla/1.wav", np.clip(noise(1, 7900, level_dbfs=-3, seed=3), -1, 1))
    save(root / "de/carla/2.wav", noise(1, 7900, level_dbfs=-45, seed=4), subtype="FLOAT")
    save(root / "de/carla/3.wav", np.zeros(RATE))
    (root / "de/carla/4.wav").write_text("no sound at all, only words\n" * 9)
    (root / "de/carla/notes.txt").write_text("not audio")
    save(root / ".hidden/1.wav", tone(1, 440, 0.5))
    return root


def scanned(folder: Path, labels: str | None = None, workers: int = 1) -> list[Recording]:
    return list(scan(folder, find_audio(folder).audio, parse_labels(labels), workers))


def test_every_file_once_with_its_flaws_and_labels(folder: Path) -> None:
    found = scanned(folder, "{language}/{speaker}/*")
    assert [(each.path, each.flaws) for each in found] == [
        ("de/carla/1.wav", ("clipped",)),
        ("de/carla/2.wav", ("quiet",)),
        ("de/carla/3.wav", ("silent",)),
        ("de/carla/4.wav", ("corrupt",)),
        ("en/alice/1.wav", ()),
        ("en/alice/2.flac", ("duplicate",)),
        ("en/bob/1.wav", ("narrow",)),
    ]
    assert [(each.language, each.speaker) for each in found] == 4 * [("de", "carla")] + 2 * [("en", "alice")] + [
        ("en", "bob")
    ]
    assert found[5].duplicate_of == "en/alice/1.wav"
    assert find_audio(folder).others == 1


def test_many_processes_find_the_same_in_the_same_order(folder: Path) -> None:
    assert scanned(folder, workers=2) == scanned(folder)


def test_the_summary_counts(folder: Path) -> None:
    summary = Summary()
    for recording in scanned(folder, "{language}/{speaker}/*"):
        summary.add(recording)
    found = summary.to_dict()
    assert found["files"] == 7
    assert found["usable_files"] == 4
    assert found["usable_hours"] * 3600 == pytest.approx(4)
    for flaw in ("clipped", "narrow", "quiet", "silent", "corrupt", "duplicate"):
        assert found[flaw] == 1
    assert {name: 3600 * hours for name, hours in found["hours_by_speaker"].items()} == pytest.approx(
        {"carla": 2, "alice": 1.5, "bob": 0.5}
    )
    text = "\n".join(summary.lines())
    assert "7 files, 6.5 s" in text
    assert "usable: 4 files, 4.0 s" in text
    assert "corrupt: 1 file (cannot be read, or not to the end)" in text
    assert "silent: 1 file (loud frames below -60 dBFS)" in text
    assert "3 speakers: carla 2.0 s, alice 1.5 s, bob 0.5 s" in text
    assert "without a domain: 4.0 s" in text


def test_a_manifest_read_back_is_what_was_found(folder: Path, tmp_path: Path) -> None:
    found = scanned(folder, "{language}/{speaker}/*")
    (tmp_path / "m.jsonl").write_bytes(b"".join(each.to_line() for each in found))
    assert list(read_manifest(tmp_path / "m.jsonl")) == found


@pytest.mark.parametrize(
    ("line", "message"),
    [("{", "not a line of a manifest"), ("[]", "not a line"), ('{"path": 3}', "path is 3"), ('{"a": 1}', "not a line")],
)
def test_a_damaged_manifest_names_the_line(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes(Recording("a.wav").to_line() + line.encode())
    with pytest.raises(UsageError, match=f"line 2: {message}.*kvant data scan"):
        list(read_manifest(tmp_path / "m.jsonl"))


def test_no_manifest_folder_or_audio(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read.*kvant data scan -o"):
        list(read_manifest(tmp_path / "m.jsonl"))
    with pytest.raises(UsageError, match="is no folder"):
        find_audio(tmp_path / "nothing")
    (tmp_path / "a.txt").touch()
    with pytest.raises(UsageError, match=r"no audio files in this folder \(1 of other kinds\)"):
        find_audio(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("{language}/{speaker}/*", "en/ann/1.wav", {"language": "en", "speaker": "ann"}),
        ("{language}/{speaker}/*", "en/ann/book/1.wav", {}),
        ("{language}/{speaker}/**", "en/ann/book/1.wav", {"language": "en", "speaker": "ann"}),
        ("**/{speaker}_{domain}_*.flac", "a/b/p225_read_001.flac", {"speaker": "p225", "domain": "read"}),
        ("{speaker}.[1]/*", "x.[1]/a.wav", {"speaker": "x"}),
        ("{speaker}.[1]/*", "xx1/a.wav", {}),
    ],
)
def test_patterns(pattern: str, path: str, expected: dict[str, str]) -> None:
    assert parse_labels(pattern)(path) == expected


@pytest.mark.parametrize("pattern", ["*/*", "{voice}/*", "{speaker}/{speaker}/*", "{speaker/*", "speaker}{language}"])
def test_impossible_patterns(pattern: str) -> None:
    with pytest.raises(UsageError, match="a pattern has some of"):
        parse_labels(pattern)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.csv", "path,speaker,language,age\na/1.wav,ann,en,30\na/2.wav,bo,,\n"),
        ("labels.tsv", "speaker\tpath\tlanguage\nann\ta/1.wav\ten\nbo\ta/2.wav\t\n"),
        (
            "labels.jsonl",
            '{"path": "a/1.wav", "speaker": "ann", "language": "en"}\n{"path": "a/2.wav", "speaker": "bo"}\n',
        ),
    ],
)
def test_tables(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    labels = parse_labels(str(tmp_path / name))
    assert labels("a/1.wav") == {"speaker": "ann", "language": "en"}
    assert labels("a/2.wav") == {"speaker": "bo"}
    assert labels("a/3.wav") == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,speaker\na,b\n", "no column 'path'"),
        ("path,age\na,30\n", "none of the columns"),
        ("path,speaker\na,x\na,y\n", "has a twice"),
        (None, "cannot be read"),
    ],
)
def test_impossible_tables(content: str | None, message: str, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    if content is not None:
        table.write_text(content)
    with pytest.raises(UsageError, match=message):
        parse_labels(str(table))
