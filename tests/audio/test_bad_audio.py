"""Every bad array and file gives a named error of one line, or exactly the result the table states."""

import io
import os
from pathlib import Path

import numpy as np
import pytest

from kvant.audio import open_audio, read, validate
from kvant.errors import AudioError
from tests.audio.bad_audio import BAD_ARRAYS, BAD_FILES, BadArray, BadFile, make_bad_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad")
    make_bad_files(path)
    return path


@pytest.mark.parametrize("case", BAD_ARRAYS, ids=lambda case: case.name)
def test_array(case: BadArray) -> None:
    if case.error:
        with pytest.raises(AudioError, match=case.error) as raised:
            validate(case.wav, case.sample_rate)
        assert "\n" not in str(raised.value)
        return
    before = case.wav.copy()
    wav = validate(case.wav, case.sample_rate)
    assert wav.dtype == np.dtype("=f4")
    assert wav.ndim == 2
    assert wav.flags.c_contiguous
    np.testing.assert_array_equal(wav, before if case.result is None else case.result.astype(np.float32))
    np.testing.assert_array_equal(case.wav, before)


@pytest.mark.parametrize("case", BAD_FILES, ids=lambda case: case.name)
def test_file(case: BadFile, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _check(case, folder / case.name)
    assert "Traceback" not in capfd.readouterr().err


class Pipe(io.RawIOBase):
    """Bytes that come a few at a time and cannot be sought."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        return self._content.readinto(memoryview(buffer)[:1000])


@pytest.mark.parametrize("case", [case for case in BAD_FILES if case.content is not None], ids=lambda case: case.name)
def test_file_through_a_pipe(case: BadFile) -> None:
    if case.name == "adpcm.wav":
        case = case._replace(error=r"tag 17\) cannot be read from a pipe; save it to a file first")
    _check(case, Pipe(case.content))


def _check(case: BadFile, source: Path | Pipe) -> None:
    if case.error:
        with pytest.raises(AudioError, match=case.error) as raised:
            read(source)
        assert "\n" not in str(raised.value)
        assert "object at 0x" not in str(raised.value)
        return
    wav, sample_rate = read(source)
    assert wav.shape[1] in case.num_samples
    assert wav.dtype == np.float32
    assert np.isfinite(wav).all()
    assert 1 <= sample_rate <= 768_000


def test_a_message_names_the_file(folder: Path) -> None:
    with pytest.raises(AudioError) as raised:
        read(folder / "text.wav")
    assert str(raised.value).startswith(str(folder / "text.wav"))


def test_folder(folder: Path) -> None:
    with pytest.raises(AudioError, match="is a folder"):
        read(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is permitted to root")
def test_forbidden_file(tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    path.write_bytes(b"RIFF")
    path.chmod(0)
    with pytest.raises(AudioError, match="may not read"):
        read(path)


@pytest.mark.parametrize("source", [None, 3, 1.5, ["a.wav"], np.zeros((1, 5))])
def test_not_a_source(source: object) -> None:
    with pytest.raises(AudioError, match="a path, - or a binary file object"):
        open_audio(source)


def test_name_with_nul() -> None:
    with pytest.raises(AudioError, match="cannot be read"):
        read("a\0b.wav")


def test_text_mode(folder: Path) -> None:
    with (folder / "text.wav").open() as file, pytest.raises(AudioError, match="text mode"):
        read(file)
