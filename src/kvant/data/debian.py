"""Packages of Debian and Ubuntu as a source of recordings: fetched and unpacked into a folder, nothing is installed."""

import shutil
import subprocess
from pathlib import Path

from kvant.errors import UsageError


def fetch(package: str, cache: Path) -> Path:
    """The `.deb` of a package in the cache, downloaded if absent and unpacked beside as `cache/package`.

    UsageError: apt-get or dpkg is needed and not here, or fails; it says with what.
    """
    if not list(cache.glob(f"{package}_*.deb")):
        _run(["apt-get", "download", package], cache, f"cannot download {package}", "try after sudo apt-get update")
    archive = next(iter(sorted(cache.glob(f"{package}_*.deb"))))
    if not (cache / package).is_dir():
        partial = cache / f"{package}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        remedy = f"remove {archive} and try again"
        _run(["dpkg", "-x", archive.name, partial.name], cache, f"cannot unpack {archive}", remedy)
        partial.rename(cache / package)
    return archive


def _run(command: list[str], folder: Path, problem: str, remedy: str) -> None:
    if shutil.which(command[0]) is None:
        raise UsageError(
            f"{problem}: there is no {command[0]} here; fetch on Debian or Ubuntu, or copy a --cache folder from there"
        )
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise UsageError(f"{problem} ({reason}); {remedy}")
