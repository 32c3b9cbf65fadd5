"""The folder of an evaluation: nothing of it is there before all is measured, and each file appears whole."""

import re
from collections.abc import Sequence
from pathlib import Path

from kvant.audio import write
from kvant.errors import UsageError
from kvant.evaluation.report.markdown import markdown
from kvant.evaluation.report.page import page
from kvant.evaluation.report.plot import draw
from kvant.evaluation.results import Results, to_json
from kvant.evaluation.scoring import Outcome
from kvant.files import atomic_write

AUDIO, PICTURES = "audio", ("rate_distortion.png", "rate_distortion_dark.png")


def write_folder(path: Path, results: Results, heard: Sequence[Outcome], overwrite: bool) -> list[str]:
    """Make `path`: results.json, table.md, the sounds of what is `heard`, plots and index.html.

    Returns notes on what could not be made. UsageError: a file exists and `overwrite` is false.
    """
    (path / AUDIO).mkdir(parents=True, exist_ok=True)
    _write(path / "results.json", to_json(results).encode(), overwrite)
    _write(path / "table.md", markdown(results).encode(), overwrite)
    sounds = _write_sounds(path, results, heard, overwrite)
    notes = []
    pictures = None
    try:
        for name, dark in zip(PICTURES, (False, True)):
            _write(path / name, draw(results, dark), overwrite)
        pictures = PICTURES
    except UsageError as error:
        notes.append(f"no plot: {error}")
    _write(path / "index.html", page(results, sounds, pictures).encode(), overwrite)
    return notes


def _write_sounds(path: Path, results: Results, heard: Sequence[Outcome], overwrite: bool) -> dict[int, dict[str, str]]:
    """Each decoded wav as 16-bit FLAC; addresses by clip and system, systems in the order of the rows."""
    wavs = {(each.measurement.clip, each.measurement.system): each.wav for each in heard}
    addresses: dict[int, dict[str, str]] = {}
    for clip in sorted({index for index, _ in wavs}):
        for place, row in enumerate(results.rows, 1):  # which also tells labels apart that differ in signs alone
            slug = re.sub(r"[^a-z0-9.]+", "-", row.system.lower()).strip("-")
            address = f"{AUDIO}/{clip + 1:02d}-{place:02d}-{slug}.flac"
            wav = wavs[clip, row.system]
            write(path / address, wav[None], results.clips[clip].sample_rate, overwrite=overwrite)
            addresses.setdefault(clip, {})[row.system] = address
    return addresses


def _write(path: Path, content: bytes, overwrite: bool) -> None:
    with atomic_write(path, overwrite) as file:
        file.write(content)
