"""The state of a run in one safetensors file, written atomically: stop anywhere, resume as if nothing had happened."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.optim import Optimizer

from kvant.errors import ModelError, UsageError
from kvant.files import atomic_write
from kvant.training.diagnosis.records import Record, read_records, to_json


@dataclass(frozen=True)
class RunState:
    """Everything that a run carries from step to step, but for the data: batch k is a function of k.

    modules, optimizers: by name. generator: of the level dropout, beside torch's own. corpus: fingerprint of the data.
    """

    path: Path
    modules: Mapping[str, nn.Module]
    optimizers: Mapping[str, Optimizer]
    generator: torch.Generator
    corpus: str

    def save(self, step: int) -> None:
        """Write what `load` restores. UsageError if the disk is full; then the last state stays as it is."""
        tensors: dict[str, Tensor] = {"step": torch.tensor(step), "generator": self.generator.get_state()}
        tensors["random"] = torch.get_rng_state()
        for part, module in self.modules.items():
            tensors |= {f"{part}/{name}": tensor for name, tensor in module.state_dict().items()}
        for part, optimizer in self.optimizers.items():
            for index, moments in optimizer.state_dict()["state"].items():
                tensors |= {f"{part}_optimizer/{index}/{n}": torch.as_tensor(value) for n, value in moments.items()}
        whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        with atomic_write(self.path, overwrite=True) as sink:
            sink.write(save(whole, {"corpus": self.corpus}))

    def load(self) -> None:
        """Restore what `save` wrote, bit for bit. ModelError: unreadable, of another run, or of another corpus."""
        try:
            tensors = load_file(self.path)
            with safe_open(self.path, "pt") as file:
                corpus = (file.metadata() or {}).get("corpus", "")
        except Exception as error:
            raise _unreadable(self.path, error) from error
        if corpus != self.corpus:
            raise ModelError(f"{self.path}: trained on another corpus than the one given; give that one, or start over")
        try:
            for part, module in self.modules.items():
                module.load_state_dict(below(tensors, f"{part}/"))
            for part, optimizer in self.optimizers.items():
                restore(optimizer, below(tensors, f"{part}_optimizer/"))
            self.generator.set_state(tensors["generator"])
            torch.set_rng_state(tensors["random"])
        except (KeyError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{self.path}: the state of another run ({reason}); delete it to start over") from error


def saved_step(path: Path) -> int:
    """Steps that the state at `path` has taken; 0 if there is none. ModelError: not readable."""
    if not path.exists():
        return 0
    try:
        with safe_open(path, "pt") as file:
            return int(file.get_tensor("step"))
    except Exception as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ModelError:
    return ModelError(f"{path}: not a readable training state ({error}); delete it to start over")


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose name starts with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def restore(optimizer: Optimizer, saved: Mapping[str, Tensor]) -> None:
    """Moments `index/name` back into the optimizer. KeyError if some are missing."""
    moments: dict[int, dict[str, Any]] = {}
    for name, tensor in saved.items():
        index, key = name.split("/")
        moments.setdefault(int(index), {})[key] = tensor
    if len({frozenset(names) for names in moments.values()}) > 1:
        raise KeyError("some parameters lack moments")
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})


def append_record(path: Path, record: Record) -> None:
    """Add one line of JSON to a run's history. UsageError: there is no room for it."""
    try:
        with path.open("a") as sink:
            sink.write(json.dumps(to_json(record)) + "\n")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); free some space, then resume") from error


def rewind_records(path: Path, step: int) -> None:
    """Drop the records beyond `step`, which an interrupted run will write again, and a line that was cut."""
    if path.exists():
        records = [record for record in read_records(path) if record["step"] <= step]
        kept = [{**to_json(record), "step": int(record["step"])} for record in records]
        with atomic_write(path, overwrite=True) as sink:
            sink.write("".join(json.dumps(record) + "\n" for record in kept).encode())
