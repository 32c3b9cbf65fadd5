"""Codecs with codebooks as systems: a model on onnxruntime, or the weights of a training run on torch."""

from dataclasses import dataclass
from functools import lru_cache
from math import isinf
from pathlib import Path
from typing import Any

import numpy as np

from kvant.bitstream.packing import code_width
from kvant.errors import UsageError
from kvant.evaluation.alignment import Array
from kvant.evaluation.system import Coded
from kvant.runtime import Codec, load

MAX_CODECS = 8


@dataclass(frozen=True)
class Neural:
    """A model at one depth. model: as for `open_codec`. beam, refine: as for `Codec.encode`.

    The payload is the codes alone, as `.kvt` packs them.
    """

    model: str
    num_codebooks: int
    beam: int = 1
    refine: int = 0

    def encode(self, wav: Array, sample_rate: int) -> Coded:
        codec = open_codec(self.model)
        coded = codec.encode(wav[None], sample_rate, self.num_codebooks, self.beam, refine=self.refine)
        widths = sum(map(code_width, codec.codebook_sizes[: self.num_codebooks]))
        return Coded(coded, widths * coded.codes.shape[-1], sample_rate, len(wav), coded.codes[0])

    def decode(self, coded: Coded) -> Array:
        return np.asarray(open_codec(self.model).decode(coded.content)[0])


@lru_cache(maxsize=MAX_CODECS)
def open_codec(model: str) -> Codec:
    """The codec of a shipped model or a folder, or on torch that of a file such as a run's model.safetensors.

    One thread in either case. ModelError: no such model. UsageError: a file, and torch is not installed.
    """
    if not Path(model).is_file():
        return load(model)
    try:
        import torch

        from kvant.torch_codec import TorchCodec
    except ImportError as error:
        raise UsageError(f"{model}: needs torch to run: pip install 'kvant[train]', or kvant export it") from error
    torch.set_num_threads(1)  # as onnxruntime has, for the sake of timing
    return TorchCodec(Path(model))


def natural_depths(codec: Codec) -> list[int]:
    """1, 2, 4 ... levels, and all: the depths that training of level dropout visits."""
    depths = [1 << power for power in range(codec.num_codebooks.bit_length())]
    return sorted({*depths, codec.num_codebooks})


def depths_of(codec: Codec, bitrates: list[float] | None) -> list[int]:
    """The depth that each bitrate in bit/s allows, ascending, and each once; `natural_depths` for None."""
    if bitrates is None:
        return natural_depths(codec)
    return sorted({codec.levels(bitrate) for bitrate in bitrates})


def about(codec: Codec) -> dict[str, Any]:
    """What to remember of a codec that was measured."""
    return {
        "name": codec.name,
        "engine": "onnxruntime" if type(codec) is Codec else "torch",
        "sample_rate": codec.sample_rate,
        "frame_rate": codec.frame_rate,
        "codebook_sizes": list(codec.codebook_sizes),
        "latency_ms": None
        if isinf(codec.latency)
        else 1000 * codec.latency / codec.sample_rate,  # JSON has no infinity
        "model_digest": codec.model_digest.hex(),
        "decoder_digest": codec.decoder_digest.hex(),
    }
