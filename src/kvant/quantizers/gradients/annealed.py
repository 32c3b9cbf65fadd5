"""A relaxation whose temperature or sharpness follows the steps of training."""

from collections.abc import Callable
from dataclasses import dataclass

from kvant.errors import UsageError
from kvant.protocols import Relaxation


@dataclass(frozen=True)
class Annealed:
    """`kind(value)`, value going from `start` to `end` in `steps` steps by equal factors, then staying at `end`.

    kind: a class of relaxations, by its first parameter: `Annealed(SoftToHard, 1.0, 100.0, 10_000)`,
    `Annealed(GumbelSoftmax, 2.0, 0.5, 10_000)`. The step is its codebook's (`codebook.steps`), which training saves and
    resumes: an annealed relaxation has no state of its own. UsageError: ends that are not above 0, no steps.
    """

    kind: Callable[[float], Relaxation]
    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        if self.start <= 0 or self.end <= 0 or self.steps < 1:
            raise UsageError(f"annealing from {self.start} to {self.end} in {self.steps} steps: all must be above 0")

    def at(self, step: int) -> Relaxation:
        """The relaxation of step `step`, counted from 0."""
        done = min(step / self.steps, 1.0)
        return self.kind(self.start ** (1 - done) * self.end**done)
