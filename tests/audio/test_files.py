"""An output file appears whole or not at all."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kvant.errors import UsageError
from kvant.files import atomic_write

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions and devices")


def test_the_file_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with atomic_write(path) as file:
        file.write(b"hello world")
        file.seek(6)
        file.write(b"W")
        file.seek(0)
        assert file.read() == b"hello World"
        assert not path.exists()
    assert path.read_bytes() == b"hello World"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit, OSError])
def test_an_exception_leaves_nothing_behind(failure: type[BaseException], tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    for name in ("old", "new"):
        with pytest.raises(failure), atomic_write(tmp_path / name, overwrite=True) as file:  # noqa: PT012
            file.write(b"half")
            raise failure
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_a_kill_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    program = (
        f"import time; from kvant.files import atomic_write\nwith atomic_write({str(path)!r}, True) as file:\n"
        "    file.write(b'new' * 100_000); file.flush(); print('written', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().strip() == b"written"
        process.kill()
    assert path.read_bytes() == b"old"
    with atomic_write(path, overwrite=True) as file:
        file.write(b"newer")
    assert path.read_bytes() == b"newer"


def test_an_existing_file_is_refused_before_and_after(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(UsageError, match=r"a\.bin: exists already; use -f"), atomic_write(path):
        pass
    path.unlink()
    with pytest.raises(UsageError, match="exists already"), atomic_write(path) as file:  # noqa: PT012
        file.write(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["a.bin"]


@posix
def test_permissions(tmp_path: Path) -> None:
    def mode(name: str) -> int:
        return stat.S_IMODE((tmp_path / name).stat().st_mode)

    before = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "new"):
            pass
        assert mode("new") == 0o640
        (tmp_path / "new").chmod(0o600)
        with atomic_write(tmp_path / "new", overwrite=True):
            pass
        assert mode("new") == 0o600
    finally:
        os.umask(before)


@posix
def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("folder/target")
    with atomic_write(tmp_path / "link", overwrite=True) as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "target").read_bytes() == b"new"


@posix
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_device_is_refused(overwrite: bool) -> None:
    with pytest.raises(UsageError, match="not a regular file; use -"), atomic_write("/dev/null", overwrite):
        pass
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_paths_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path, error in [
        (tmp_path, "is a folder"),
        (tmp_path / "missing" / "a.bin", r"cannot be written \(No such file or directory\); name a folder that exists"),
        (tmp_path / "file" / "a.bin", r"cannot be written \(Not a directory\)"),
        (tmp_path / ("x" * 300), r"cannot be written \(File name too long\)"),
        ("a\0b", "remove the NUL"),
    ]:
        with pytest.raises(UsageError, match=error), atomic_write(path):
            pass
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="everything is permitted to root")
def test_a_forbidden_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="Permission denied"), atomic_write(tmp_path / "a.bin"):
        pass


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.bin: cannot be written .*; free some space"):  # noqa: SIM117, PT012
        with atomic_write(tmp_path / "a.bin") as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert os.listdir(tmp_path) == []


def test_errors_about_other_files_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a.bin"):
        (tmp_path / "input.wav").read_bytes()
    assert os.listdir(tmp_path) == []
