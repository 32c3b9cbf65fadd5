"""Explicit-state streaming: `step(x, state) -> (y, state)`, and `forward(x)` defined as `step` from `initial_state`.

Since the whole-signal pass *is* the streaming pass, there is no second code path that could disagree with it. A state
is a value (nested tuples of tensors): keep a copy to fork a stream, drop it to restart.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kvant.protocols import State


class Causal(nn.Module):
    """Base of every part whose output never depends on later input. Time is the last axis."""

    def initial_state(self, batch: int) -> State:
        """State before the first sample, for `batch` independent streams."""
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Consume a block and the state it starts from; return the output block and the state to continue from."""
        raise TypeError(f"{type(self).__name__} must define step(x, state)")

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x, self.initial_state(x.shape[0]))[0]


class Pointwise(Causal):
    """A module that treats every frame alone (a linear map over channels, a nonlinearity): nothing to remember."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self.module(x), state


class Chain(Causal):
    """Causal parts one after the other; the state is the tuple of theirs."""

    def __init__(self, *parts: Causal) -> None:
        super().__init__()
        self.parts: Sequence[Causal] = nn.ModuleList(parts)  # type: ignore[assignment]

    def initial_state(self, batch: int) -> State:
        return tuple(part.initial_state(batch) for part in self.parts)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        following = []
        for part, part_state in zip(self.parts, state, strict=True):
            x, part_state = part.step(x, part_state)
            following.append(part_state)
        return x, tuple(following)


class Residual(Causal):
    """x + branch(x)."""

    def __init__(self, branch: Causal) -> None:
        super().__init__()
        self.branch = branch

    def initial_state(self, batch: int) -> State:
        return self.branch.initial_state(batch)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.branch.step(x, state)
        return x + y, state


def flatten_state(state: State) -> list[Tensor]:
    """The tensors of a state, in order."""
    if isinstance(state, Tensor):
        return [state]
    return [tensor for part in state for tensor in flatten_state(part)]


def unflatten_state(tensors: list[Tensor], like: State) -> State:
    """Inverse of `flatten_state`: the nesting of `like` around `tensors`."""
    queue = iter(tensors)

    def fill(part: State) -> State:
        return next(queue) if isinstance(part, Tensor) else tuple(fill(child) for child in part)

    return fill(like)


def select_streams(state: State, streams: Tensor | slice) -> State:
    """The state of some streams of a batch: `select_streams(state, slice(0, 1))` is that of the first."""
    if isinstance(state, Tensor):
        return state[streams]
    return tuple(select_streams(part, streams) for part in state)


def stepwise(part: Causal, x: Tensor, sizes: list[int]) -> Tensor:
    """Run `part` over x [..., T] in blocks of the given sizes (summing to T), carrying the state; blocks joined."""
    state = part.initial_state(x.shape[0])
    outputs = []
    for block in x.split(sizes, dim=-1):
        y, state = part.step(block, state)
        outputs.append(y)
    return torch.cat(outputs, dim=-1)
