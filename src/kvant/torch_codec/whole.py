"""A model on torch behind the verbs of the runtime: for weights without graphs."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kvant.checkpoint import load_codec, signal_of
from kvant.errors import UsageError
from kvant.model_file import read_model_file
from kvant.protocols import State
from kvant.runtime import Codec
from kvant.runtime.reach import reach_of
from kvant.streaming import Causal, LookAhead, at_depth
from kvant.torch_codec.threads import torch_threads


class TorchHalf:
    """Half a codec as the runtime runs its graphs: `step(block, state)` on numpy blocks, the state a value.

    span: inputs of `part` in a frame. into, out: what makes its input of a block, and a block of its output. A decoder
    that asks for it is told the depth, k of a block [B, k, T]. threads: of torch, within a step.
    """

    def __init__(
        self,
        part: Causal | LookAhead,
        span: int,
        into: Callable[[Tensor], Tensor],
        out: Callable[[Tensor], Tensor],
        threads: int,
    ) -> None:
        self._part, self._span, self._into, self._out, self._threads = part, span, into, out, threads

    def initial_state(self, batch: int) -> State:
        """The state before the first frame; of what looks ahead, its number."""
        return (np.zeros(batch, np.int64),) if isinstance(self._part, LookAhead) else self._part.initial_state(batch)

    @torch.inference_mode()
    def step(self, block: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """A block, and the next state."""
        with torch_threads(self._threads):
            return self._step(block, state)

    def _step(self, block: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        x = self._into(torch.from_numpy(np.ascontiguousarray(block)))
        part = at_depth(self._part, block.shape[1])
        if isinstance(part, LookAhead):
            return self._out(part.piece(x, self._span * torch.from_numpy(state[0])[:, None])).numpy(), ()
        y, state = part.step(x, state)
        return self._out(y).numpy(), state


class TorchCodec(Codec):
    """The codec of a model file, `network`, on the processor."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        super().__init__(read_model_file(path), threads)
        self.network = load_codec(path)
        self.reach = reach_of(signal_of(self.network))  # which files of before do not tell

    def encoder_for(self, num_codebooks: int, beam: int, limit: float | None = None) -> TorchHalf:
        """wav [B, T, hop], state -> codes [B, k, T], state. UsageError: a limit, for which the runtime needs graphs."""
        if limit is not None:
            raise UsageError(f"{self.name}: levels where frames need them need graphs: make them with kvant export")

        def samples(hops: Tensor) -> Tensor:
            return hops.clamp(-1, 1).reshape(len(hops), 1, -1)

        def codes(latents: Tensor) -> Tensor:
            return self.network.quantize(latents, num_codebooks, beam)

        return TorchHalf(self.network.encoder, self.hop_length, samples, codes, self._threads)

    @cached_property
    def decoder(self) -> Any:
        """codes [B, k, T], state -> wav [B, T, hop], state; `pre_skip` samples late."""
        part = self.network.decoder
        span = int(self.hop_length * part.receptive_field.stride) if isinstance(part, LookAhead) else 0

        def hops(wav: Tensor) -> Tensor:
            return wav.reshape(len(wav), -1, self.hop_length)

        return TorchHalf(part, span, self.network.quantizer.decode, hops, self._threads)
