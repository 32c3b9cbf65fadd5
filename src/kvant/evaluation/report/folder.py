"""The folder of an evaluation, file by file: each appears whole or not at all, what took longest to make first."""

import re
from pathlib import Path

from kvant.audio import write
from kvant.errors import UsageError
from kvant.evaluation.alignment import Array
from kvant.evaluation.report.markdown import markdown
from kvant.evaluation.report.page import page
from kvant.evaluation.report.plot import draw
from kvant.evaluation.results import Results, to_json
from kvant.files import atomic_write

AUDIO, PICTURES = "audio", ("rate_distortion.png", "rate_distortion_dark.png")


class Folder:
    """Where an evaluation goes; made if need be. overwrite: files that exist are replaced."""

    def __init__(self, path: Path, overwrite: bool) -> None:
        self.path = path
        self._overwrite = overwrite
        self._sounds: dict[int, dict[str, str]] = {}
        (path / AUDIO).mkdir(parents=True, exist_ok=True)

    def keep_sound(self, clip: int, system: str, wav: Array, sample_rate: int) -> None:
        """Write wav [N] as 16-bit FLAC, for the page to play as what `system` makes of clip number `clip`."""
        slug = re.sub(r"[^a-z0-9.]+", "-", system.lower()).strip("-")
        address = f"{AUDIO}/{clip + 1:02d}-{slug}.flac"
        write(self.path / address, wav[None], sample_rate, overwrite=self._overwrite)
        self._sounds.setdefault(clip, {})[system] = address

    def write(self, results: Results) -> list[str]:
        """results.json, table.md, the plots and index.html; notes on what could not be made."""
        self._write("results.json", to_json(results).encode())
        self._write("table.md", markdown(results).encode())
        notes = []
        pictures = None
        try:
            for name, dark in zip(PICTURES, (False, True)):
                self._write(name, draw(results, dark))
            pictures = PICTURES
        except UsageError as error:
            notes.append(f"no plot: {error}")
        order = [row.system for row in results.rows]
        sounds = {clip: {name: each[name] for name in order if name in each} for clip, each in self._sorted()}
        self._write("index.html", page(results, sounds, pictures).encode())
        return notes

    def _sorted(self) -> list[tuple[int, dict[str, str]]]:
        return sorted(self._sounds.items())

    def _write(self, name: str, content: bytes) -> None:
        with atomic_write(self.path / name, self._overwrite) as file:
            file.write(content)
