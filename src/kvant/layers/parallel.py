"""Causal parts side by side."""

from collections.abc import Sequence

from torch import Tensor, nn

from kvant.protocols import State
from kvant.streaming import Causal


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
