"""The state of a run in one safetensors file, written atomically: stop anywhere, resume as if nothing had happened."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.optim import Optimizer

from kvant.errors import ModelError
from kvant.files import atomic_write


def save_run(
    path: Path, step: int, parts: dict[str, nn.Module], optimizer: Optimizer, generator: torch.Generator
) -> None:
    """Write step, modules, optimizer moments and the generator. The data need no place: batch k is a function of k."""
    tensors: dict[str, Tensor] = {"step": torch.tensor(step), "generator": generator.get_state()}
    for part, module in parts.items():
        tensors |= {f"{part}/{name}": tensor for name, tensor in module.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in moments.items()}
    with atomic_write(path, overwrite=True) as sink:
        sink.write(save({name: tensor.contiguous().clone() for name, tensor in tensors.items()}))


def load_run(path: Path, parts: dict[str, nn.Module], optimizer: Optimizer, generator: torch.Generator) -> int:
    """Restore what `save_run` wrote, bit for bit; return the step to continue from."""
    try:
        tensors = load_file(path)
    except Exception as error:
        raise ModelError(f"{path}: not a readable training state ({error}); delete it to start over") from error
    moments: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer/"):
            _, index, key = name.split("/")
            moments.setdefault(int(index), {})[key] = tensor
    try:
        for part, module in parts.items():
            prefix = f"{part}/"
            module.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
        if len({frozenset(names) for names in moments.values()}) > 1:
            raise KeyError("some parameters lack moments")
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
        generator.set_state(tensors["generator"])
        return int(tensors["step"])
    except (KeyError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: the state of another run ({reason}); delete it to start over") from error


def append_record(path: Path, record: dict[str, Any]) -> None:
    """Add one line of JSON to a run's history."""
    with path.open("a") as sink:
        sink.write(json.dumps(record) + "\n")
