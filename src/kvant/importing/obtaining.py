"""From the name of a release to the folder of its model: fetched, imported, and kept for the next time."""

from pathlib import Path

from kvant.codecs.published import Published
from kvant.errors import FetchError, UsageError
from kvant.importing.fetching import Report, fetch, page
from kvant.importing.filling import import_checkpoint
from kvant.importing.published import PUBLISHED
from kvant.runtime.models import WEIGHTS, cache, cached, find, look_for


def release(name: str) -> Published:
    """The release of that name. UsageError: none is known."""
    if name not in PUBLISHED:
        raise UsageError(f"{name}: no weights of that name are known; known: {', '.join(PUBLISHED)}")
    return PUBLISHED[name]


def published_file(name: str, report: Report = lambda done, total: None, command: str = "") -> Path:
    """The file of a release as its authors published it, fetched if it is not here yet.

    command: what to run once FILE was got by hand; by default what imports the release.
    FetchError: it cannot be had from there; it says what to fetch by hand, and `command`.
    """
    known = release(name)
    by_hand = f"then run: {command or f'kvant import {name} FILE'}"
    if not known.place:
        raise FetchError(f"{name}: published nowhere it could be fetched from; get {known.source} by hand, {by_hand}")
    try:
        return fetch(known.place, known.sha256, cache() / "downloads" / name, report)
    except FetchError as error:
        there = page(known.place)
        raise FetchError(f"{error}; get {'it' if there == known.place else there} by hand, {by_hand}") from error


def companion_file(name: str, report: Report = lambda done, total: None, command: str = "") -> Path | None:
    """The second file of a release that takes one: it is that of another release. FetchError: as `published_file`."""
    companion = release(name).companion
    if companion is None:
        return None
    owner = next(other for other, each in PUBLISHED.items() if each.source == companion.source)
    return published_file(owner, report, command or f"kvant import {name} --with FILE")


def obtain(name: str, report: Report = lambda done, total: None) -> Path:
    """The folder of the model of a release, in the cache; made the first time.

    UsageError: no such release. FetchError: its file cannot be had. ModelError: the file is not what it should be.
    """
    folder = cached(name)
    if not (folder / WEIGHTS).is_file():
        file, companion = published_file(name, report), companion_file(name, report)
        import_checkpoint(name, release(name), file, folder / WEIGHTS, {}, companion)
    return folder


def located(name_or_path: str) -> Path:
    """The folder of a model: shipped, by path, imported before, or of a release, which is then obtained.

    ModelError: no such model. Of a release also as `obtain`.
    """
    folder = look_for(name_or_path)
    if folder is None:
        return obtain(name_or_path) if name_or_path in PUBLISHED else find(name_or_path)
    return folder
