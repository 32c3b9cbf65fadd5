"""`kvant import`: published weights of a known codec."""

from pathlib import Path
from typing import Annotated

import typer

from kvant.cli import options
from kvant.cli.failures import printable
from kvant.errors import UsageError
from kvant.extras import import_extra


def import_weights(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Whose weights, such as encodec-24khz.")],
    checkpoint: Annotated[str, typer.Argument(metavar="FILE", help="The file as published, or its safetensors.")],
    output: Annotated[str, typer.Option("-o", "--output", metavar="MODEL", help="Folder of the model.")],
    edges: Annotated[
        str | None,
        typer.Option("--edges", help="EnCodec: `mirror`, as published, or `silence`: causal from the first sample."),
    ] = None,
    companion: Annotated[
        str | None,
        typer.Option("--with", metavar="FILE", help="A second file: Vocos takes EnCodec's."),
    ] = None,
    force: options.Force = False,
) -> None:
    """Make a model of published weights.

    MODEL gets model.safetensors, weights in float32, with their licence on record; read it before you use them.
    Needs pip install 'kvant[train]'.
    """
    importing = import_extra("kvant.importing.filling", "train")
    from kvant.importing.published import PUBLISHED

    if kind not in PUBLISHED:
        raise UsageError(f"{kind}: no weights of that name are known; known: {', '.join(PUBLISHED)}")
    model = Path(output) / "model.safetensors"
    if model.exists() and not force:
        raise UsageError(f"{model}: exists already; use -f to replace it")
    changes = {} if edges is None else {"edges": edges}
    beside = None if companion is None else Path(companion)
    record = importing.import_checkpoint(kind, PUBLISHED[kind], Path(checkpoint), model, changes, beside)
    print(printable(f"{model}: {model.stat().st_size} bytes"))
    print(f"licence of the code: {record['licence']['code']}")
    print(f"licence of the weights: {record['licence']['weights']}")
    if record["source"]["as_published"] is False:
        print(f"note: not the file its authors released as {record['source']['file']}: its digest is another")


import_weights.__name__ = "import"  # what the verb is called, and no name for a function
