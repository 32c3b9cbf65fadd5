"""`kvant export`: the graphs that make a trained or imported model usable without torch."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from kvant.cli import options
from kvant.cli.failures import printable
from kvant.errors import ModelError, UsageError
from kvant.extras import import_extra


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="model.safetensors of a run, or the folder, or name, of an import.")
    ],
    force: options.Force = False,
) -> None:
    """Make a trained or imported model usable without torch.

    Writes encoder.onnx and decoder.onnx beside it, which takes half a minute or two. The folder is then a model for -m:
    it needs neither torch nor the code that trained it. Needs pip install 'kvant[train]'.
    """
    from kvant.runtime.models import GRAPHS, WEIGHTS, look_for

    weights = Path(model)
    if not weights.is_file() and (folder := look_for(model)):
        weights = folder / WEIGHTS
    if not weights.is_file():
        raise ModelError(f"{model}: no such model file")
    for path in map(weights.with_name, GRAPHS):
        if path.exists() and not force:
            raise UsageError(f"{path}: exists already; use -f to replace it")
    exporting = import_extra("kvant.export", "train")
    logging.getLogger("torch.onnx").setLevel(
        logging.ERROR
    )  # it warns that torchvision, which nothing needs, is missing
    for path in exporting.export(weights):
        print(printable(f"{path}: {path.stat().st_size} bytes"))
