"""Where models are: shipped inside the package, in a folder of the user's, or imported into the cache."""

import os
from pathlib import Path

from kvant.errors import ModelError

DEFAULT = "kvant-voice-24k"
WEIGHTS = "model.safetensors"
GRAPHS = ENCODER_GRAPH, DECODER_GRAPH = "encoder.onnx", "decoder.onnx"
"""What lies beside the weights of a model that needs no torch."""
SHIPPED = Path(__file__).parent.parent / "models"


def available() -> dict[str, Path]:
    """The shipped models: name -> folder with weights and graphs."""
    return {path.parent.name: path.parent for path in sorted(SHIPPED.glob(f"*/{WEIGHTS}"))}


def cache() -> Path:
    """Where what was fetched and imported is kept: `$KVANT_CACHE`, else `kvant` in `$XDG_CACHE_HOME` or `~/.cache`."""
    own = os.environ.get("KVANT_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kvant"


def cached(name: str) -> Path:
    """The folder of an imported model, whether it is there or not."""
    return cache() / "models" / name


def candidates(name: str) -> list[str]:
    """Which models a stream that gives this name may be of: the imported one of the name, and all shipped, it first."""
    known = {path.parent.name: path.parent for path in cached("").glob(f"*/{WEIGHTS}")}  # `name` is a stranger's
    imported = [str(known[name])] if name in known else []
    return imported + sorted(available(), key=lambda each: each != name)


def look_for(name_or_path: str) -> Path | None:
    """The folder of a model, or None: shipped, by path (of the folder, or of the weights in it), or imported before."""
    shipped = available()
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(name_or_path)
    folders = [path.parent if path.name == WEIGHTS else path]
    if path.name == name_or_path:
        folders.append(cached(name_or_path))
    return next((folder for folder in folders if (folder / WEIGHTS).is_file()), None)


def find(name_or_path: str) -> Path:
    """As `look_for`. ModelError: there is none."""
    folder = look_for(name_or_path)
    if folder is None:
        known = ", ".join(available()) or "none"
        raise ModelError(
            f"{name_or_path}: no model of this name (shipped: {known}), none imported and no folder with {WEIGHTS}"
        )
    return folder
