"""The entropy model in a model's folder."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file

from kvant.bitstream import EntropyModel
from kvant.bitstream.entropy_models.neural import NeuralModel
from kvant.errors import ModelError
from kvant.model_file import digest

ENTROPY = "entropy.safetensors"


def read_entropy_model(folder: Path, codebook_sizes: tuple[int, ...]) -> EntropyModel | None:
    """What is in `entropy.safetensors`, None if there is no such file. ModelError: unreadable, or of another codec."""
    path = folder / ENTROPY
    if not path.is_file():
        return None
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: not a readable entropy model ({error})") from error
    model = NeuralModel(tensors, digest(tensors))
    if model.codebook_sizes != codebook_sizes:
        raise ModelError(f"{path}: made for codebooks {model.codebook_sizes}, beside a model of {codebook_sizes}")
    return model
