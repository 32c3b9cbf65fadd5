"""Parts side by side."""

from collections.abc import Sequence
from functools import reduce

from torch import Tensor, nn

from kvant.protocols import State
from kvant.receptive_field import ReceptiveField, receptive_field
from kvant.streaming import Causal, LookAhead


class Parallel(Causal):
    """The sum of what several parts make of the same input; the state is the tuple of theirs."""

    def __init__(self, *branches: Causal) -> None:
        super().__init__()
        self.branches: Sequence[Causal] = nn.ModuleList(branches)  # type: ignore[assignment]

    def initial_state(self, batch: int) -> State:
        return tuple(branch.initial_state(batch) for branch in self.branches)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        steps = [branch.step(x, branch_state) for branch, branch_state in zip(self.branches, state, strict=True)]
        first, *others = (y for y, _ in steps)
        return sum(others, first), tuple(following for _, following in steps)


class LookAheadParallel(LookAhead):
    """The sum of what several parts, some of which look ahead, make of the same input."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    @property
    def receptive_field(self) -> ReceptiveField:
        return reduce(ReceptiveField.beside, map(receptive_field, self.branches))

    def forward(self, x: Tensor) -> Tensor:
        first, *others = (branch(x) for branch in self.branches)
        return sum(others, first)
