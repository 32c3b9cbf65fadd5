"""`kvant import`: published weights of a known codec."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from kvant.cli import options
from kvant.cli.failures import printable
from kvant.cli.progress import Progress
from kvant.errors import UsageError
from kvant.extras import import_extra


def import_weights(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Whose weights, such as encodec-24khz.")],
    checkpoint: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="The file as published, or its safetensors; fetched if you give none."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="MODEL", help="Folder of the model; without, KIND is its name."),
    ] = None,
    edges: Annotated[
        str | None,
        typer.Option("--edges", help="Beyond the signal EnCodec (24, 32 kHz) hears its `mirror`, or `silence`."),
    ] = None,
    companion: Annotated[
        str | None,
        typer.Option("--with", metavar="FILE", help="A second file: Vocos takes EnCodec's."),
    ] = None,
    force: options.Force = False,
) -> None:
    """Make a model of published weights.

    MODEL gets model.safetensors, weights in float32, with their licence on record; read it before you use them. Without
    -o it is kept in $KVANT_CACHE (or ~/.cache/kvant), where kvant.load(KIND) finds it.
    Needs pip install 'kvant[train]'.
    """
    obtaining = import_extra("kvant.importing.obtaining", "train")
    from kvant.runtime.models import WEIGHTS, cached

    release = obtaining.release(kind)
    if output is None and edges is not None:
        raise UsageError(f"--edges makes another model than {kind}: name its folder with -o")
    model = (cached(kind) if output is None else Path(output)) / WEIGHTS
    if model.exists() and not force:
        raise UsageError(f"{model}: exists already; use -f to replace it")
    changes = {} if edges is None else {"edges": edges}
    file = None if checkpoint is None else Path(checkpoint)
    beside = None if companion is None else Path(companion)
    if file is None:
        given = {"-o": output, "--edges": edges}
        words = [word for option, value in given.items() if value for word in (option, value)] + ["-f"] * force
        file, beside = _fetched(kind, beside, words)
    record = obtaining.import_checkpoint(kind, release, file, model, changes, beside)
    print(printable(f"{model}: {model.stat().st_size} bytes"))
    print(f"licence of the code: {record['licence']['code']}")
    print(f"licence of the weights: {record['licence']['weights']}")
    if record["source"]["as_published"] is False:
        print(f"note: not the file its authors released as {record['source']['file']}: its digest is another")


def _fetched(kind: str, beside: Path | None, words: list[str]) -> tuple[Path, Path | None]:
    """The file of a release and, unless it is given, its second one. words: the options this import was given."""
    from kvant.importing import obtaining

    def by_hand(*files: str) -> str:
        return shlex.join(["kvant", "import", kind, *files, *words])

    with Progress(1) as progress:

        def report(done: int, total: int | None) -> None:
            progress.begin(kind, total)
            progress(done)

        given = () if beside is None else ("--with", str(beside))
        file = obtaining.published_file(kind, report, by_hand("FILE", *given))
        return file, beside or obtaining.companion_file(kind, report, by_hand("--with", "FILE"))


import_weights.__name__ = "import"  # what the verb is called, and no name for a function
