"""A model file on torch behind the verbs of the runtime: weights of a run are measured as they are, without graphs."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kvant.checkpoint import load_codec
from kvant.model_file import read_model_file
from kvant.protocols import State
from kvant.runtime import Codec


class TorchGraph:
    """A half of a codec as the runtime runs its graphs: `step(block, state)` on numpy blocks, the state a value."""

    def __init__(self, step: Callable[[Tensor, State], tuple[Tensor, State]], initial_state: Callable[[int], State]):
        self._step = step
        self.initial_state = initial_state

    def step(self, block: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        out, state = self._step(torch.from_numpy(np.ascontiguousarray(block)), state)
        return out.numpy(), state


class TorchCodec(Codec):
    """The codec of a model file. It sets torch to one thread for the whole process, for the sake of timing."""

    def __init__(self, path: Path) -> None:
        super().__init__(read_model_file(path), threads=1)
        torch.set_num_threads(1)
        self.network = load_codec(path)

    def encoder_for(self, num_codebooks: int, beam: int) -> TorchGraph:
        """wav [B, T, hop], state -> codes [B, k, T], state."""

        def step(hops: Tensor, state: State) -> tuple[Tensor, State]:
            return self.network.encode_step(hops.reshape(len(hops), 1, -1), state, num_codebooks, beam)

        return TorchGraph(step, self.network.encoder.initial_state)

    @cached_property
    def decoder(self) -> Any:
        """codes [B, k, T], state -> wav [B, T, hop], state; `pre_skip` samples late."""

        def step(codes: Tensor, state: State) -> tuple[Tensor, State]:
            wav, state = self.network.decode_step(codes, state)
            return wav.reshape(len(wav), -1, self.hop_length), state

        return TorchGraph(step, self.network.decoder.initial_state)
