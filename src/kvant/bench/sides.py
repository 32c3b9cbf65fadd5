"""What is compared: the official codec, and ours with the same weights, each as wav to codes and codes to wav."""

import time
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np
import torch

from kvant.bench.official import OFFICIAL
from kvant.importing.filling import import_checkpoint
from kvant.importing.published import PUBLISHED
from kvant.loading import load
from kvant.runtime import Codes
from kvant.runtime.models import WEIGHTS

CHECKPOINT = "official.pth"
ENGINES = ("torch", "onnxruntime")
Scales = list[np.ndarray]
"""Codes int64 [n] of each level, coarse first; a level may have several a frame."""


class Side(Protocol):
    """wav: float32 [N] at the rate of the codec."""

    def encode(self, wav: np.ndarray) -> Any: ...

    def decode(self, codes: Any) -> np.ndarray: ...

    def scales(self, codes: Any) -> Scales: ...


class Theirs:
    """The official package's codec `name`."""

    def __init__(self, name: str) -> None:
        self.verbs = OFFICIAL[name].verbs(name)

    @torch.inference_mode()
    def encode(self, wav: np.ndarray) -> Any:
        return self.verbs.encode(torch.from_numpy(wav)[None, None])

    @torch.inference_mode()
    def decode(self, codes: Any) -> np.ndarray:
        return self.verbs.decode(codes)[0, 0].numpy()

    def scales(self, codes: Any) -> Scales:
        levels = [level for part in self.verbs.listed(codes) for level in (part[0] if part.dim() == 3 else part)]
        return [level.numpy() for level in levels]


class Ours:
    """The model of a folder, as `kvant.load` gives it; codes as many as the official side makes."""

    def __init__(self, name: str, folder: Path, threads: int) -> None:
        self.codec = load(str(folder), threads)
        self.num_codebooks = OFFICIAL[name].num_codebooks

    def encode(self, wav: np.ndarray) -> Codes:
        return self.codec.encode(wav, self.codec.sample_rate, self.num_codebooks)

    def decode(self, codes: Codes) -> np.ndarray:
        return self.codec.decode(codes)[0]

    def frame(self, wav: np.ndarray) -> tuple[float, float] | None:
        """Median seconds of a single frame of a stream, to encode and to decode; None of what looks ahead."""
        if self.codec.reach.encoder or self.codec.reach.decoder:
            return None
        encoder = self.codec.encoder_stream(num_codebooks=self.num_codebooks)
        decoder = self.codec.decoder_stream()
        times = []
        for hop in np.split(wav, range(self.codec.hop_length, len(wav), self.codec.hop_length)):
            started = time.perf_counter()
            codes = encoder.push(hop[None])
            encoded = time.perf_counter()
            decoder.push(codes)
            times.append((encoded - started, time.perf_counter() - encoded))
        encode, decode = map(median, zip(*times))
        return encode, decode

    def scales(self, codes: Codes) -> Scales:
        strides = np.array(self.codec.slot_strides[: codes.codes.shape[1]])
        groups = np.split(codes.codes[0], np.flatnonzero(np.diff(strides)) + 1) if len(set(strides)) > 1 else None
        if groups is None:
            return list(codes.codes[0])
        return [group.T.reshape(-1) for group in groups]


def imported(name: str, folder: Path, engine: str) -> Path:
    """The folder of our model of the weights in folder / CHECKPOINT; for onnxruntime with its graphs."""
    target = folder / engine
    import_checkpoint(name, PUBLISHED[name], folder / CHECKPOINT, target / WEIGHTS, {})
    if engine == "onnxruntime":
        from kvant.export import export

        export(target / WEIGHTS)
    return target


def save_weights(side: Theirs, folder: Path) -> None:
    """Its state as a checkpoint file, as published ones are."""
    torch.save(side.verbs.model.state_dict(), folder / CHECKPOINT)
