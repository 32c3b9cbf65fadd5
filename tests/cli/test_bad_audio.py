"""Audio files as they really arrive, through the verbs that read audio: a line and nothing made, or a set result."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kvant import bitstream
from kvant.audio import read
from tests.audio.bad_audio import BAD_FILES, BadFile, make_bad_files
from tests.cli.conftest import Outcome

# what audio may have, but a .kvt stream of the shipped model may not
UNCODABLE = {"rate_1.wav": "1 Hz: streams are of recordings of 1000 to 768000 Hz"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad")
    make_bad_files(path)
    return path


def refused(case: BadFile, done: Outcome, target: Path) -> bool:
    """Whether `case` was refused, as it must be if it is unusable: with one line, and nothing made."""
    if not (case.error or case.name in UNCODABLE):
        assert (done.code, done.err) == (0, "")
        return False
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("kvant: error: ")
    assert done.err.count("\n") == 1
    assert UNCODABLE.get(case.name, "") in done.err
    assert not target.exists()
    return True


@pytest.mark.parametrize("case", BAD_FILES, ids=lambda case: case.name)
def test_encode(case: BadFile, folder: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    target = tmp_path / "coded.kvt"
    if refused(case, run("encode", "-n", "1", "--", folder / case.name, target), target):
        return
    with target.open("rb") as file:
        assert bitstream.verify(file).ok
    with target.open("rb") as file:
        assert bitstream.info(file).num_samples in case.num_samples


@pytest.mark.parametrize("case", BAD_FILES, ids=lambda case: case.name)
def test_roundtrip(case: BadFile, folder: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    target = tmp_path / "back.wav"
    done = run("roundtrip", "-b", "0.75", "--", folder / case.name, target)
    if refused(case, done, target):
        return
    wav, sample_rate = read(folder / case.name)
    decoded = read(target)
    assert decoded[0].shape == wav.shape
    assert decoded[1] == sample_rate
    assert " dB\n" in done.out or not wav.any()


def test_all_at_once(folder: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    done = run("encode", "-n", "1", folder, tmp_path)
    assert done.code == 2
    coded = {line.split(".kvt: ")[0] for line in done.out.splitlines()}
    assert len(coded) == len(done.out.splitlines()) == len(list(tmp_path.glob("*.kvt")))
    assert all(line.startswith("kvant: error: ") for line in done.err.splitlines())
