"""A model on torch behind the verbs of the runtime: for weights without graphs, and codecs that look ahead."""

from collections.abc import Callable
from functools import cached_property
from math import ceil, isinf
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kvant.audio import resample, validate
from kvant.checkpoint import load_codec
from kvant.model_file import read_model_file
from kvant.protocols import State
from kvant.runtime import Codec, Codes
from kvant.runtime.streams import check_codes
from kvant.streaming import Causal, LookAhead

SECONDS = 10
"""Of audio at a time, where that gives the same codes."""


class TorchGraph:
    """A half of a codec as the runtime runs its graphs: `step(block, state)` on numpy blocks, the state a value."""

    def __init__(self, step: Callable[[Tensor, State], tuple[Tensor, State]], initial_state: Callable[[int], State]):
        self._step = step
        self.initial_state = initial_state

    def step(self, block: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        out, state = self._step(torch.from_numpy(np.ascontiguousarray(block)), state)
        return out.numpy(), state


class TorchCodec(Codec):
    """The codec of a model file, `network`, on the processor. It streams if that does: else UsageError says so.

    `encode` and `decode` are those of the network for the whole signal, so of published weights as published.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(read_model_file(path), threads=1)
        self.network = load_codec(path)

    @property
    def latency(self) -> float:
        """In samples; math.inf if the codec hears the whole signal at once."""
        return self.network.latency

    def encode(self, wav: np.ndarray, sample_rate: int, num_codebooks: int | None = None, beam: int = 1) -> Codes:
        """As the runtime's, whole."""
        wav = validate(wav, sample_rate)
        levels, beam = self.check_levels(num_codebooks), self.check_beam(beam)
        heard = torch.from_numpy(resample(wav, sample_rate, self.sample_rate))[:, None]
        codes = self.network.encode(heard, levels, beam, self._chunk(self.network.encoder, heard.shape[-1]))
        return Codes(codes.numpy(), sample_rate, wav.shape[1])

    def decode(self, codes: Codes) -> np.ndarray:
        """As the runtime's, whole."""
        check_codes(codes.codes, len(codes.codes), self.codebook_sizes)
        chosen = torch.from_numpy(np.ascontiguousarray(codes.codes, dtype=np.int64))
        wav = self.network.decode(chosen, None, self._chunk(self.network.decoder, chosen.shape[-1] * self.hop_length))
        return resample(wav[:, 0].numpy(), self.sample_rate, codes.sample_rate)[:, : codes.num_samples]

    def _chunk(self, part: Causal | LookAhead, num_samples: int) -> int | None:
        """Frames at a time of so long a signal: all that are there if it is short, or a part hears it all at once."""
        endless = isinstance(part, LookAhead) and any(map(isinf, part.receptive_field[:2]))
        return None if endless or num_samples <= SECONDS * self.sample_rate else ceil(SECONDS * self.frame_rate)

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
