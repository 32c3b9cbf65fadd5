"""Models on torch behind the verbs of the runtime: for weights without graphs."""

from pathlib import Path

from kvant.codecs import SEGMENTED
from kvant.model_file import read_model_file
from kvant.runtime import Codec
from kvant.torch_codec.segmented import SegmentedTorchCodec
from kvant.torch_codec.whole import TorchCodec, TorchHalf

__all__ = ["SegmentedTorchCodec", "TorchCodec", "TorchHalf", "load"]


def load(path: Path, threads: int = 1) -> Codec:
    """The codec of a model file, on so many of the processor's cores. ModelError: its config and tensors make none."""
    segmented = read_model_file(path).metadata.get("architecture") in SEGMENTED
    return SegmentedTorchCodec(path, threads) if segmented else TorchCodec(path, threads)
