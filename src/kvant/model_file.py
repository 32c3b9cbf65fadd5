"""A model is one safetensors file: weights by name, and a few JSON strings that say what they are.

Read and written with numpy alone, so that the same file serves the torch codec and the ONNX runtime. Nothing in it is
ever unpickled.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from kvant.errors import ModelError
from kvant.files import atomic_write

FORMAT = "kvant-codec"
FORMAT_VERSION = 1
LAYOUT_KEY = "kvant_weights_layout"
DECODER_PARTS = ("decoder.", "quantizer.")


def digest(tensors: dict[str, np.ndarray]) -> bytes:
    """SHA-256 over (name, dtype, shape, little-endian bytes) of each tensor in order of name: 32 bytes.

    Re-saving the same weights keeps it, whatever the file's layout; changing one bit of one weight changes it.
    """
    state = hashlib.sha256()
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        state.update(f"{name}\0{array.dtype.name}\0{','.join(map(str, array.shape))}\0".encode())
        state.update(array.tobytes())
    return state.digest()


def decoder_digest(tensors: dict[str, np.ndarray]) -> bytes:
    """Digest of what decoding needs: decoder and codebooks. A retrained encoder keeps it, and so old files readable."""
    return digest({name: array for name, array in tensors.items() if name.startswith(DECODER_PARTS)})


class Place(NamedTuple):
    """Where a tensor lies in a model file: offset and length in bytes."""

    dtype: str
    shape: list[int]
    offset: int
    length: int


def read_layout(path: Path) -> dict[str, Place]:
    """Where each tensor of a model file lies, from its header: 8 bytes of length, then JSON. ModelError: unreadable."""
    try:
        with path.open("rb") as source:
            header_length = int.from_bytes(source.read(8), "little")
            header = json.loads(source.read(min(header_length, path.stat().st_size)))
        header.pop("__metadata__", None)
        first = 8 + header_length
        return {
            name: Place(entry["dtype"], entry["shape"], first + start, end - start)
            for name, entry in header.items()
            for start, end in [entry["data_offsets"]]
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a readable model file ({error})") from error


def layout_digest(layout: dict[str, Place]) -> str:
    """Hex SHA-256 of a layout. Graphs that refer to byte ranges of a model file name the layout they were made for."""
    return hashlib.sha256(json.dumps(sorted(layout.items())).encode()).hexdigest()


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds. metadata: `name`, `architecture`, `config` and whatever its author recorded."""

    path: Path
    tensors: dict[str, np.ndarray]
    metadata: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.metadata["name"])

    @property
    def num_parameters(self) -> int:
        """How many values were learnt: those in float16, beside fixed transforms in float32; or all, if none is."""
        arrays = self.tensors.values()
        return sum(array.size for array in [a for a in arrays if a.dtype == np.float16] or arrays)


def write_model_file(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, Any], overwrite: bool) -> None:
    """Write atomically. metadata: JSON-able values by name."""
    header = {"format": FORMAT, "format_version": str(FORMAT_VERSION)}
    header |= {key: json.dumps(value, ensure_ascii=False, sort_keys=True) for key, value in metadata.items()}
    with atomic_write(path, overwrite) as sink:
        sink.write(save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, header))


def read_model_file(path: Path) -> ModelFile:
    """Read a model file; ModelError when it is missing, damaged, or not Kvant's."""
    try:
        with safe_open(path, framework="numpy") as source:
            header = source.metadata() or {}
            if header.get("format") != FORMAT:
                raise ModelError(f"{path}: a safetensors file, but not a Kvant model (no format = {FORMAT})")
            version = int(header["format_version"])
            if version > FORMAT_VERSION:
                raise ModelError(f"{path}: model format {version} is newer than this Kvant reads; upgrade kvant")
            skipped = ("format", "format_version")
            metadata = {key: json.loads(value) for key, value in header.items() if key not in skipped}
            tensors = {name: source.get_tensor(name) for name in source.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such model file") from error
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: not a readable model file ({error})") from error
    return ModelFile(Path(path), tensors, metadata)
