"""Output files that appear whole or not at all."""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from kvant.errors import UsageError

NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""What a system says when a file, or all of a disk, takes no more bytes."""


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[BinaryIO]:
    """A new binary file, readable and seekable, that takes the name `path` only when the block ends well.

    The bytes go to `.kvant-*.tmp` in the same folder, are flushed to the disk, and are then renamed over `path`. After
    an exception nothing is left behind and what stood at `path` is untouched; after a kill or a power cut it is
    untouched too, but the temporary file may remain. Symbolic links are followed; a replaced file keeps its
    permissions, and a new one gets those of the umask.

    UsageError: `path` exists and `overwrite` is false, is a folder or a device, cannot be written, or the disk is full.
    """
    _check_target(path, overwrite)
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".kvant-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "x+b") as file:  # not tempfile: it ignores the umask and makes every file 0600
            if os.path.exists(target):
                shutil.copymode(target, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())
        _check_target(path, overwrite)  # again: another process may have taken the name meanwhile
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        # An OSError of the block may be about another file, such as the one being read.
        if isinstance(error, OSError) and (error.errno in NO_ROOM or str(error.filename) == str(temporary)):
            room = error.errno in NO_ROOM
            remedy = "free some space or write elsewhere" if room else "name a folder that exists and is yours"
            raise UsageError(f"{path}: cannot be written ({error.strerror}); {remedy}") from error
        raise
    _sync_folder(target.parent)


def _check_target(path: str | os.PathLike[str], overwrite: bool) -> None:
    if "\0" in os.fspath(path):
        raise UsageError(f"{path!r}: no file can have this name; remove the NUL")
    if not os.path.exists(path):
        return
    if os.path.isdir(path):
        raise UsageError(f"{path}: is a folder; name a file in it")
    if not os.path.isfile(path):
        raise UsageError(f"{path}: is not a regular file; use - to write to standard output")
    if not overwrite:
        raise UsageError(f"{path}: exists already; use -f (overwrite=True) to replace it")


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last through a power cut. Windows, and some network disks, cannot and need not."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
