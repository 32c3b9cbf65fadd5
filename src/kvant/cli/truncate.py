"""`kvant truncate`: a lower bitrate from a finished file."""

from functools import partial
from typing import Annotated

import typer

from kvant.cli import options
from kvant.cli.failures import printable
from kvant.cli.paths import STANDARD, Job, check_target, create_bytes, open_bytes


def truncate(
    source: options.Stream,
    target: Annotated[str, typer.Argument(metavar="OUT", help="The .kvt file to make, or - for standard output.")],
    bitrate: options.Bitrate = None,
    num_codebooks: options.NumCodebooks = None,
    force: options.Force = False,
) -> None:
    """A .kvt file at a lower bitrate.

    The copy is as if it had been encoded at that rate: codebooks are dropped, the finest first, and nothing is decoded.
    Give -b or -n. Needs no model.
    """
    options.check_rate(bitrate, num_codebooks, required=True)
    check_target(Job(source, target), force)
    from kvant import bitstream

    with open_bytes(source) as stream, create_bytes(target, force) as sink:
        slots = partial(options.slots_of, bitrate=bitrate, num_codebooks=num_codebooks)
        bitstream.truncate(stream, sink, slots)
        size = None if target == STANDARD else sink.tell()
    if size is not None:
        print(printable(f"{target}: {size} bytes"))
