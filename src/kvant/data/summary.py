"""What a manifest amounts to, in numbers and in plain words."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from kvant.data.labels import FIELDS
from kvant.data.manifest import FLAWS, Recording

SHOWN = 12


class Summary:
    """Files and hours of the recordings added, by label and by flaw."""

    def __init__(self) -> None:
        self.files, self.seconds, self.usable_files, self.usable_seconds = 0, 0.0, 0, 0.0
        self.by_flaw: Counter[str] = Counter()
        self.by_label: dict[str, Counter[str]] = {name: Counter() for name in FIELDS}
        self.by_rate: Counter[int] = Counter()

    def add(self, recording: Recording) -> None:
        """One more recording."""
        self.files += 1
        self.seconds += recording.duration_s
        self.by_flaw.update(recording.flaws)
        if recording.usable:
            self.usable_files += 1
            self.usable_seconds += recording.duration_s
            self.by_rate[recording.sample_rate] += 1
            for name in FIELDS:
                self.by_label[name][getattr(recording, name)] += recording.duration_s  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """For JSON. Hours by label are of usable recordings; the label of those without one is empty."""
        hours = {
            f"hours_by_{name}": {label: seconds / 3600 for label, seconds in counter.most_common()}
            for name, counter in self.by_label.items()
        }
        totals = {"files": self.files, "hours": self.seconds / 3600}
        totals |= {"usable_files": self.usable_files, "usable_hours": self.usable_seconds / 3600}
        flaws = {flaw: self.by_flaw[flaw] for flaw in FLAWS}
        return {**totals, **flaws, "files_by_sample_rate": dict(self.by_rate.most_common()), **hours}

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{_files(self.files)}, {duration(self.seconds)}"
        yield f"usable: {_files(self.usable_files)}, {duration(self.usable_seconds)}"
        for flaw, meaning in FLAWS.items():
            if self.by_flaw[flaw]:
                yield f"{flaw}: {_files(self.by_flaw[flaw])} ({meaning})"
        if self.by_rate:
            yield "sample rates: " + ", ".join(f"{rate} Hz in {count}" for rate, count in self.by_rate.most_common())
        for name, counter in self.by_label.items():
            named = [(label, seconds) for label, seconds in counter.most_common() if label]
            if named:
                shown = ", ".join(f"{label} {duration(seconds)}" for label, seconds in named[:SHOWN])
                more = f", and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
                yield f"{len(named)} {name}{'s' * (len(named) > 1)}: {shown}{more}"
            if counter[""] and self.usable_files:
                yield f"without a {name}: {duration(counter[''])}"


def duration(seconds: float) -> str:
    """`1.25 h`, `4.2 min` or `3.1 s`, whichever suits."""
    if seconds >= 3600:
        return f"{seconds / 3600:.2f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
