"""`kvant verify`: whether `.kvt` files are whole."""

from functools import partial
from typing import Annotated

import typer

from kvant.cli import options
from kvant.cli.damage import complain_of_damage
from kvant.cli.failures import DAMAGED, printable, report
from kvant.cli.paths import display_name, open_bytes
from kvant.errors import KvantError


def verify(
    sources: Annotated[list[str], typer.Argument(metavar="IN", help=".kvt files, or - for standard input.")],
    model: options.OwnModel = None,
) -> None:
    """Whether .kvt files are whole.

    Checks every checksum, frame number and code. Needs no model, but for codes that the model's own entropy model has
    coded. Prints a line for each file; the exit code is 1 if one of them is damaged.
    """
    worst = 0
    for source in sources:
        try:
            code = _verify(source, model)
        except KvantError as error:
            code = report(error)
        worst = max(worst, code)
    if worst:
        raise typer.Exit(worst)


def _verify(source: str, model: str | None) -> int:
    from kvant import bitstream

    with open_bytes(source) as stream:
        found = bitstream.verify(stream, partial(options.entropy_model_of, model=model))
    if found.unread:
        text = f"{found.frames} frames in {found.blocks} blocks, all whole; their codes need the entropy model, with -m"
        print(printable(f"{display_name(source)}: {text}"))
        return 0
    if found.ok:
        print(printable(f"{display_name(source)}: ok, {found.frames} frames in {found.blocks} blocks"))
        return 0
    complain_of_damage(display_name(source), found.damage, found.complete, f"{found.frames} frames are whole")
    return DAMAGED
