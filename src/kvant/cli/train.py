"""`kvant train`: a codec from a recipe."""

import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvant.errors import KvantError, UsageError
from kvant.extras import import_extra

if TYPE_CHECKING:
    from kvant.training.config import TrainingConfig


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="Python file that sets `config`.")],
    output: Annotated[str, typer.Option("-o", "--output", metavar="RUN", help="Folder of the run.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Changes to it, such as phases.0.steps=500."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run where it stopped.")] = False,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="Start from a model file, a run's folder, or a shipped model."),
    ] = None,
    parts: Annotated[
        str | None, typer.Option("--parts", help="What to take from it, such as quantizer,decoder; default all.")
    ] = None,
) -> None:
    """Train a codec as a recipe says.

    RUN gets model.safetensors, which kvant export makes usable, and logs for TensorBoard. A run that was interrupted
    goes on with --resume and ends as if nothing had happened. --from MODEL fine-tunes; what of it learns, a recipe says
    or phases.0.trains=decoder. Needs pip install 'kvant[train]'.
    """
    if parts is not None and start is None:
        raise UsageError("--parts: of which model? name it with --from")
    loop = import_extra("kvant.training.loop", "train")
    from kvant.training.overrides import override

    options = {"start.checkpoint": start, "start.parts": parts}
    given = [f"{key}={value}" for key, value in options.items() if value is not None]
    config = override(_load(recipe), [*(overrides or []), *given])
    run = Path(output)
    if (run / "state.safetensors").exists() and not resume:
        raise UsageError(f"{output}: holds a run already; continue it with --resume, or name another folder")
    loop.train(config, run, resume)


def _load(recipe: str) -> "TrainingConfig":
    from kvant.training.config import TrainingConfig

    if not Path(recipe).is_file():
        raise UsageError(f"{recipe}: no such recipe; name a Python file that sets `config`")
    beside = str(Path(recipe).resolve().parent)
    sys.path.insert(0, beside)  # as when Python runs the file: it can import its neighbours
    try:
        config = runpy.run_path(recipe).get("config")
    except KvantError:
        raise
    except Exception as error:  # a recipe is a program of the user's
        raise UsageError(f"{recipe}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(beside)
    if not isinstance(config, TrainingConfig):
        raise UsageError(f"{recipe}: must set `config` to a TrainingConfig, got {type(config).__name__}")
    return config
