"""`kvant truncate`: a lower bitrate from a finished file."""

from typing import TYPE_CHECKING, Annotated

import typer

from kvant.cli import options
from kvant.cli.failures import printable
from kvant.cli.paths import STANDARD, Job, check_target, create_bytes, open_bytes

if TYPE_CHECKING:
    from kvant.bitstream.container import Source


class _Replayed:
    """A source, of which a pipe's beginning too can be read twice: until `replay` it is kept, then given again."""

    def __init__(self, source: "Source") -> None:
        self._source = source
        self._kept = b""
        self._replaying = False

    def read(self, n: int) -> bytes:
        if self._replaying and self._kept:
            data, self._kept = self._kept[:n], self._kept[n:]
            return data
        data = self._source.read(n)
        if not self._replaying:
            self._kept += data
        return data

    def replay(self) -> None:
        self._replaying = True


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
        replayed = _Replayed(stream)
        num_slots = options.slots_of(bitstream.Reader(replayed).header, bitrate, num_codebooks)
        replayed.replay()
        bitstream.truncate(replayed, sink, num_slots)
        size = None if target == STANDARD else sink.tell()
    if size is not None:
        print(printable(f"{target}: {size} bytes"))
