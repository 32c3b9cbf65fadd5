"""The contracts between Kvant's parts: what flows, and what each kind of part must do with it."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

State = Any
"""A streaming state: nested tuples of tensors, always a value, never an attribute of a module."""


class Quantized(NamedTuple):
    """What a quantizer makes of latents.

    latents: [B, D, T], the quantized values; gradient reaches the encoder. codes: int64 [B, K, T], coarse first.
    losses: unweighted scalars by name (`commitment`, `codebook`, ...); weights live in the training config.
    """

    latents: Tensor
    codes: Tensor
    losses: dict[str, Tensor]


@runtime_checkable
class Quantizer(Protocol):
    """Latents [B, D, T] <-> codes [B, K, T]; any prefix of the K levels decodes. A call quantizes with gradient."""

    codebook_sizes: tuple[int, ...]

    def __call__(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized: ...
    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor: ...
    def decode(self, codes: Tensor) -> Tensor: ...


@runtime_checkable
class LevelledQuantizer(Quantizer, Protocol):
    """A quantizer whose levels add up, so that they can be chosen together: better codes of the same kind."""

    def search(self, latents: Tensor, num_codebooks: int | None, beam: int) -> Tensor: ...


@runtime_checkable
class Streaming(Protocol):
    """A part that works block by block with explicit state: same output for every way of cutting its input."""

    def initial_state(self, batch: int) -> State: ...
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]: ...


@runtime_checkable
class DepthConditioned(Protocol):
    """A decoder that is told how many levels its latents are the sum of: `at_depth` gives the one for so many.

    depth: an int, or int64 [B], each item's.
    """

    def at_depth(self, depth: int | Tensor) -> Any: ...


@runtime_checkable
class Codebook(Protocol):
    """V vectors of d dimensions that own their statistics; nothing outside writes to them but through `replace`."""

    size: int
    dim: int
    usage: Tensor
    steps: Tensor
    started: Tensor

    @property
    def vectors(self) -> Tensor: ...
    def search(self, latents: Tensor) -> Tensor: ...
    def lookup(self, codes: Tensor) -> Tensor: ...
    def losses(self, latents: Tensor, quantized: Tensor) -> dict[str, Tensor]: ...
    def update(self, latents: Tensor, codes: Tensor) -> None: ...
    def replace(self, mask: Tensor, vectors: Tensor, usage: Tensor | float = 1.0) -> None: ...


class Judgement(NamedTuple):
    """What one discriminator thinks of a batch.

    score: real where high, one value per place it looked at, any shape. features: the activations before the score.
    """

    score: Tensor
    features: list[Tensor]


class Discriminator(Protocol):
    """wav [B, 1, N] -> one judgement per resolution, period or scale; gradient reaches wav."""

    def __call__(self, wav: Tensor) -> list[Judgement]: ...


GradientEstimator = Callable[[Tensor, Tensor], Tensor]
"""(latents, quantized), both [..., D] -> the value of `quantized` with the gradient of a paper.

`quantized` comes attached to its vectors: an estimator that lets a gradient through to it teaches them from the task.
"""

Relaxation = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(logits [n, V], vectors [V, d]) -> (quantized [n, d], codes int64 [n]): a choice of code that has a gradient."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""(estimate, reference) -> scalar."""


class Remedy(Protocol):
    """An intervention on a codebook, called once per training step with the latents [n, d] that reached it.

    A remedy is shared by the codebooks of a quantizer and keeps no state of its own: what it needs to remember is the
    codebook's (`usage`, `steps`, `started`), so that it is saved and restored with it.
    """

    def __call__(self, codebook: Any, latents: Tensor) -> None: ...


class Penalty(Protocol):
    """Named losses that a codebook asks for of the latents [n, d] that reached it, attached to the encoder.

    Scalars by name, unweighted, in training only; of items that do not use the level, the latents come detached.
    """

    def __call__(self, codebook: Any, latents: Tensor) -> dict[str, Tensor]: ...
