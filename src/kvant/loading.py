"""`kvant.load`: a codec by name, whoever made it; on onnxruntime where a model has graphs, else on torch."""

from pathlib import Path
from typing import TYPE_CHECKING

from kvant.errors import ModelError, UsageError
from kvant.extras import import_extra
from kvant.runtime import DEFAULT
from kvant.runtime import load as load_found
from kvant.runtime.models import find, look_for

if TYPE_CHECKING:
    from kvant.runtime import Codec


def load(name_or_path: str = DEFAULT, threads: int = 1) -> "Codec":
    """The codec of a shipped model, of a model folder, or of weights others published, such as `encodec-24khz`.

    Published weights are fetched and imported the first time, and kept (`kvant.runtime.models.cache` says where).
    Everything else is as `kvant.runtime.load` has it: with graphs of `kvant export` without torch, else on torch.

    threads: of onnxruntime or of torch.

    ModelError: no such model, or its files are damaged. FetchError: a published file cannot be had; it says what to do.
    UsageError: torch is needed, and not installed.
    """
    name = str(name_or_path)
    return load_found(str(look_for(name) or _imported(name)), threads)


def _imported(name: str) -> Path:
    """The folder of published weights of that name. ModelError: nobody published any, as far as Kvant knows."""
    try:
        obtaining = import_extra("kvant.importing.obtaining", "train")
    except UsageError as missing:
        try:
            return find(name)
        except ModelError as error:
            raise ModelError(f"{error}; weights others published need torch: pip install 'kvant[train]'") from missing
    return Path(obtaining.located(name))
