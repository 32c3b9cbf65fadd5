"""What is known of each recording of a folder: one JSON line a file, which scanning writes and preparing reads."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from kvant.data.activity import FLOOR
from kvant.data.labels import FIELDS
from kvant.errors import UsageError

CLIPPED_SHARE = 1e-4
NARROW_HZ = 7000  # wideband telephony reaches so far
QUIET_DBFS = -40.0


@dataclass(frozen=True)
class Recording:
    """One file. path: relative to the scanned folder, with `/`. Labels are empty where unknown.

    bandwidth_hz: by spectral roll-off. level_dbfs: RMS of the active frames of the channels' mean, None of silence.
    peak: of any channel. clipped: share of samples at 0.999 of full scale or above. silence: share of frames that are
    not active. audio_sha256: of rate, channels and decoded samples, so that the same sound in another container is
    known again. duplicate_of: path of an earlier file with the same. errors: why it cannot be used, or not as a whole;
    of MP3, Ogg and others whose headers do not say how long they are, a missing end goes unnoticed.
    """

    path: str
    duration_s: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    bandwidth_hz: int = 0
    level_dbfs: float | None = None
    peak: float = 0.0
    clipped: float = 0.0
    silence: float = 1.0
    speaker: str = ""
    language: str = ""
    domain: str = ""
    audio_sha256: str = ""
    duplicate_of: str | None = None
    errors: tuple[str, ...] = ()

    @property
    def flaws(self) -> tuple[str, ...]:
        """Which of `corrupt`, `duplicate`, `silent`, `clipped`, `narrow`, `quiet` it is; the first two say it all."""
        if self.errors:
            return ("corrupt",)
        if self.duplicate_of:
            return ("duplicate",)
        if self.level_dbfs is None:
            return ("silent",)
        clipped, narrow = self.clipped > CLIPPED_SHARE, self.bandwidth_hz < NARROW_HZ
        found = {"clipped": clipped, "narrow": narrow, "quiet": self.level_dbfs < QUIET_DBFS}
        return tuple(flaw for flaw, is_so in found.items() if is_so)

    @property
    def usable(self) -> bool:
        """Whether there is something to hear that was not heard before."""
        return not {"corrupt", "duplicate", "silent"} & set(self.flaws)

    def labelled(self, labels: dict[str, str]) -> "Recording":
        """The same with these of speaker, language and domain."""
        return replace(self, **{name: labels[name] for name in FIELDS if name in labels})  # type: ignore[arg-type]

    def to_line(self) -> bytes:
        """The JSON line, with its line break."""
        return json.dumps(asdict(self), ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"


FLAWS = {
    "corrupt": "cannot be read, or not to the end",
    "duplicate": "the same sound as an earlier file",
    "silent": f"loud frames below {20 * math.log10(FLOOR):.0f} dBFS",
    "clipped": f"more than {CLIPPED_SHARE:.2%} of the samples at full scale",
    "narrow": f"nothing above {NARROW_HZ / 1000:g} kHz",
    "quiet": f"below {QUIET_DBFS:g} dBFS where active",
}
"""What each flaw means, in plain words."""


def read_manifest(path: Path) -> Iterator[Recording]:
    """The recordings of a manifest, one after the other.

    UsageError, naming the line: no such file, or lines that are no recordings.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            for number, line in enumerate(file, 1):
                yield _recording(line, f"{path}, line {number}")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); make one with kvant data scan -o") from error


def _recording(line: str, where: str) -> Recording:
    hint = "make the manifest again with kvant data scan -o"
    try:
        row: dict[str, Any] = json.loads(line)
        recording = Recording(**{**row, "errors": tuple(row.get("errors", ()))})
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{where}: not a line of a manifest ({error}); {hint}") from error
    for name, kind in get_type_hints(Recording).items():
        value = getattr(recording, name)
        is_number = kind is float and isinstance(value, int | float)
        if not is_number and name != "errors" and not isinstance(value, kind):
            raise UsageError(f"{where}: {name} is {value!r}; {hint}")
    return recording
