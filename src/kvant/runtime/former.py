"""A model as it was when it had fewer levels: streams that name it are decoded by what it has become."""

from pathlib import Path

from kvant.model_file import ModelFile, read_model_file
from kvant.runtime.codec import Codec
from kvant.runtime.models import WEIGHTS, find


def former(name_or_path: str, levels: int) -> Codec:
    """The model with the first `levels` codebooks alone, and the digests that it had then. ModelError: no such model.

    Levels are added behind those there are, with nothing else changed; so it is the former model to the bit, or none.
    """
    model = read_model_file(Path(find(name_or_path)) / WEIGHTS)
    signal = model.metadata["signal"]
    later = tuple(f"quantizer.codebooks.{level}." for level in range(levels, len(signal["codebook_sizes"])))
    tensors = {name: array for name, array in model.tensors.items() if not name.startswith(later)}
    shallower = {"codebook_sizes": signal["codebook_sizes"][:levels], "default_codebooks": levels}
    metadata = {key: value for key, value in model.metadata.items() if key != "variable"}
    return Codec(ModelFile(model.path, tensors, metadata | {"signal": signal | shallower}), threads=1)
