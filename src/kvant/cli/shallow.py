"""A stream read at a lower rate than it holds."""

from collections.abc import Iterator
from dataclasses import replace

from kvant.bitstream import Block, Reader
from kvant.bitstream.container import RawBlock


class ShallowReader(Reader):
    """A `Reader` that gives at most the first `num_slots` slots of every frame, once that is set."""

    num_slots: int | None = None

    def blocks(self) -> Iterator[Block | RawBlock]:
        """As in the base; what is checked and hashed is the stream as it is."""
        for block in super().blocks():
            yield replace(block, known=block.codes[: self.num_slots]) if isinstance(block, Block) else block
