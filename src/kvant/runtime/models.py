"""Where models are: shipped inside the package, or in a folder of the user's."""

from pathlib import Path

from kvant.errors import ModelError

DEFAULT = "kvant-voice-24k"
WEIGHTS = "model.safetensors"
SHIPPED = Path(__file__).parent.parent / "models"


def available() -> dict[str, Path]:
    """The shipped models: name -> folder with `model.safetensors`, `encoder.onnx`, `decoder.onnx`."""
    return {path.parent.name: path.parent for path in sorted(SHIPPED.glob(f"*/{WEIGHTS}"))}


def find(name_or_path: str) -> Path:
    """The folder of a shipped model by name, or of the user's own by path (the folder, or the weights in it)."""
    shipped = available()
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(name_or_path)
    folder = path.parent if path.name == WEIGHTS else path
    if (folder / WEIGHTS).is_file():
        return folder
    known = ", ".join(shipped) or "none"
    raise ModelError(f"{name_or_path}: no model of this name (shipped: {known}) and no folder with {WEIGHTS}")
