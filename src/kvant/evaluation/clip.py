"""What an evaluation listens to."""

from typing import NamedTuple

from kvant.evaluation.metrics.metric import Array

UNKNOWN = "unknown"
SHORTEST, LONGEST = 3.0, 8.0  # s


class Origin(NamedTuple):
    """A clip without its samples: enough to find it again. sample_rate: Hz."""

    name: str
    speaker: str
    language: str
    source: str
    sample_rate: int
    seconds: float


class Clip(NamedTuple):
    """A recording to evaluate on: float32 wav [N], its rate in Hz, and where it is from.

    name: unique among the clips. speaker, language, source: for breakdowns, "unknown" where nobody says.
    """

    wav: Array
    sample_rate: int
    name: str
    speaker: str = UNKNOWN
    language: str = UNKNOWN
    source: str = UNKNOWN

    @property
    def origin(self) -> Origin:
        seconds = len(self.wav) / self.sample_rate
        return Origin(self.name, self.speaker, self.language, self.source, self.sample_rate, seconds)
