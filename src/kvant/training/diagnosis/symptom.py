"""What a symptom is, and the rule that finds it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kvant.training.diagnosis.records import Record


@dataclass(frozen=True)
class Symptom:
    """One thing that is wrong: where, since which step, in plain words with the figures, and what helps."""

    name: str
    where: str
    since_step: int
    sentence: str
    reason: str
    remedies: tuple[str, ...]


class Finding(NamedTuple):
    """What a rule found: the place, the first step at which it held without a break, and the figures in words."""

    where: str
    since_step: int
    sentence: str


@dataclass(frozen=True)
class Rule:
    """A symptom to look for. meaning: what it is, one sentence. reason: why the threshold stands where it does.

    find: a pure function of a run's records, oldest first.
    """

    name: str
    meaning: str
    reason: str
    remedies: tuple[str, ...]
    find: Callable[[Sequence[Record]], Iterable[Finding]]

    def __call__(self, records: Sequence[Record]) -> list[Symptom]:
        return [
            Symptom(self.name, found.where, found.since_step, found.sentence, self.reason, self.remedies)
            for found in self.find(records)
        ]
