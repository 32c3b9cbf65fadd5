"""Explicit-state streaming: `step(x, state) -> (y, state)`, and `forward(x)` defined as `step` from `initial_state`.

Since the whole-signal pass *is* the streaming pass, there is no second code path that could disagree with it. A state
is a value (nested tuples of tensors): keep a copy to fork a stream, drop it to restart.

A part that looks ahead has no such pass. `chunked` computes its whole-signal pass from pieces that overlap.
"""

from collections.abc import Sequence
from functools import cached_property, reduce
from math import isinf

import torch
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.pieces import by_pieces, in_tiles
from kvant.protocols import DepthConditioned, State
from kvant.receptive_field import ReceptiveField, receptive_field


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


class LookAhead(nn.Module):
    """Base of every part whose output depends on later input, as far as it declares. Time is the last axis.

    It has no states and no steps, and says so to whoever asks for them.
    """

    completes = False
    """Whether inputs of any length will do: each layer continues its own to whole strides."""

    @property
    def receptive_field(self) -> ReceptiveField:
        """What an output depends on."""
        raise TypeError(f"{type(self).__name__} must declare its receptive_field")

    def piece(self, x: Tensor, start: int | Tensor) -> Tensor:
        """forward of a piece [B, C, n] of longer input that begins at `start`, a place for all or int64 [B, 1]."""
        return self(x)

    def in_chunks(self, x: Tensor, chunk: int) -> Tensor:
        """forward of x [B, C, N], with the memory of a piece at a time: see `chunked`, which says what a chunk is."""
        return chunked(self, x, chunk)

    def initial_state(self, batch: int) -> State:
        """UsageError: there is none."""
        raise UsageError(
            f"{type(self).__name__} looks ahead and does not stream: encode and decode whole, or in chunks"
        )

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """UsageError: there is none."""
        return x, self.initial_state(len(x))


class LookAheadChain(LookAhead):
    """Layers one after the other, whose fields are known."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    @cached_property
    def fields(self) -> tuple[ReceptiveField, ...]:
        """Of each layer."""
        return tuple(map(receptive_field, self.layers))

    @property
    def receptive_field(self) -> ReceptiveField:
        return reduce(ReceptiveField.then, self.fields, ReceptiveField())

    def forward(self, x: Tensor) -> Tensor:
        return self.piece(x, 0)

    def piece(self, x: Tensor, start: int | Tensor) -> Tensor:
        for layer, field in zip(self.layers, self.fields, strict=True):
            x = in_tiles(layer, field, x, start)
            start = start * field.stride.denominator // field.stride.numerator
        return x


class Pointwise(Causal):
    """A module that treats every frame alone (a linear map over channels, a nonlinearity): nothing to remember."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    @property
    def receptive_field(self) -> ReceptiveField:
        """Of a part among those that look ahead."""
        return ReceptiveField()

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


def at_depth(decoder: Causal | LookAhead, depth: int | Tensor) -> Causal | LookAhead:
    """The decoder for latents of so many levels, or of int64 [B]: the one for all, unless it asks to be told."""
    return decoder.at_depth(depth) if isinstance(decoder, DepthConditioned) else decoder


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


def chunked(part: LookAhead, x: Tensor, chunk: int) -> Tensor:
    """part(x) [B, D, M] of a part that looks ahead, with the memory of a piece of x [B, C, N] at a time.

    chunk: how far to go at a time, in the smallest stretches that are whole numbers of inputs and of outputs: 1 output
    of an encoder, 1 input of a decoder. Each piece is continued on both sides by what its outputs depend on, and what
    the cut has touched is dropped: the result is that of the whole but for rounding, at the cost of computing the
    overlap twice. UsageError: chunk < 1, x is empty or ends within a stretch that the part does not complete, or there
    is no end to what an output depends on.
    """
    field = part.receptive_field
    if isinf(field.left) or isinf(field.right):
        raise UsageError(f"{type(part).__name__} hears the whole signal at once: leave out chunk")
    return by_pieces(part.piece, field, x, chunk, part.completes)
