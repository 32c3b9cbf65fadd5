"""Published files, brought here whole or not at all, and checked."""

import hashlib
import http.client
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kvant.errors import FetchError
from kvant.extras import import_extra
from kvant.files import atomic_write
from kvant.importing.checkpoint_files import sha256

HUB = "hf://"
BLOCK_BYTES = 1 << 20
PATIENCE_SECONDS = 60.0
"""Longer without a byte, and a download has broken off."""
GREETING_SECONDS = 10.0
"""Longer without an answer, and the hub is out of reach: its own package would try again and again, and say so."""

Report = Callable[[int, int | None], None]
"""Called with the bytes that have arrived, and how many there will be if that is known."""


def fetch(place: str, digest: str, folder: Path, report: Report = lambda done, total: None) -> Path:
    """The file at `place`, in `folder` under its own name: fetched, unless it is there already.

    place: a URL, or `hf://owner/name/file`, which the hub's own cache keeps. digest: how its SHA-256 begins, empty if
    that is not known; what is there is held to it as well. FetchError: out of reach, broken off, another file.
    """
    if place.startswith(HUB):
        path = _from_hub(place.removeprefix(HUB))
        _check(place, sha256(path) if digest else "", digest)
        return path
    path = folder / Path(urlsplit(place).path).name
    if path.is_file():
        _check(str(path), sha256(path) if digest else "", digest, "; remove it to fetch it again")
        return path
    folder.mkdir(parents=True, exist_ok=True)
    found = hashlib.sha256()
    with atomic_write(path, overwrite=True) as sink:
        for block in _download(place, report):
            found.update(block)
            sink.write(block)
        _check(place, found.hexdigest(), digest)
    return path


def page(place: str) -> str:
    """What a browser opens to get the file."""
    if not place.startswith(HUB):
        return place
    owner, name, file = place.removeprefix(HUB).split("/", 2)
    return f"https://huggingface.co/{owner}/{name}/resolve/main/{file}"


def _download(url: str, report: Report) -> Iterator[bytes]:
    """The blocks of a file on the network. FetchError: there is no such file, or it ends before it should."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
            total = int(response.headers["Content-Length"]) if response.headers["Content-Length"] else None
            done = 0
            while block := response.read(BLOCK_BYTES):
                done += len(block)
                report(done, total)
                yield block
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(f"{url}: cannot be fetched ({error})") from error
    if total is not None and done != total:
        raise FetchError(f"{url}: broke off after {done} of {total} bytes")


def _from_hub(place: str) -> Path:
    hub: Any = import_extra("huggingface_hub", "hub", "a model of the Hugging Face hub")
    owner, name, file = place.split("/", 2)
    silence = _silence(hub, hub.hf_hub_url(f"{owner}/{name}", file))
    try:
        return Path(hub.hf_hub_download(f"{owner}/{name}", file, local_files_only=silence is not None))
    except Exception as error:  # its own, its network library's and those of the disk share no other base
        cause = silence or error
        reason = " ".join(str(cause).split())[:200]
        raise FetchError(f"{HUB}{place}: cannot be fetched ({reason or type(cause).__name__})") from error


def _silence(hub: Any, url: str) -> Exception | None:
    """Why the hub does not answer at all, asked once; None: it does, if only to refuse."""
    try:
        hub.get_session().head(url, timeout=GREETING_SECONDS)
    except Exception as error:  # as many bases as above
        return error
    return None


def _check(place: str, found: str, expected: str, remedy: str = "") -> None:
    if not found.startswith(expected):
        trouble = f"its SHA-256 begins {found[:16]}, not {expected}: not the file its authors released"
        raise FetchError(f"{place}: {trouble}{remedy}")
