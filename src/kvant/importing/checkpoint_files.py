"""Checkpoint files of others, read without running anything in them."""

import hashlib
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from kvant.checkpoint import MALFORMED
from kvant.errors import ModelError

CONTAINERS = ("state_dict", "model", "generator", "best_state")
"""Where trainers put a state beside what else they save; looked into in this order, one within the other."""

TOGETHER = (("CodecEnc", "generator"),)
"""Models whose parts are states of their own, beside each other: read as one, the part's name before the tensor's."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or of torch's own format read with `weights_only`, out of their container.

    ModelError: missing, damaged, holding more than tensors and plain values, or no state at all.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such checkpoint") from error
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path}: holds more than tensors, which is not loaded; or it is damaged") from error
    except (SafetensorError, OSError, EOFError, *MALFORMED) as error:
        raise ModelError(f"{path}: not a readable checkpoint ({' '.join(str(error).split())[:120]})") from error
    return _state(content, path)


def _state(content: object, path: Path) -> dict[str, Tensor]:
    """The innermost dictionary of tensors by name."""
    while isinstance(content, dict):
        for parts in TOGETHER:
            if all(isinstance(content.get(part), dict) for part in parts):
                content = {f"{part}.{name}": tensor for part in parts for name, tensor in content[part].items()}
        inside = [content[name] for name in CONTAINERS if isinstance(content.get(name), dict)]
        if not inside:
            break
        content = inside[0]
    if not isinstance(content, dict) or not content:
        raise ModelError(f"{path}: holds no tensors by name")
    state = {str(name): tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}
    if len(state) < len(content):
        others = sorted(str(name) for name, value in content.items() if not isinstance(value, Tensor))
        raise ModelError(f"{path}: {', '.join(others[:5])}: not tensors, and no container that is known")
    return state


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
