"""How the codes of a signal are chosen, told in one value."""

from typing import NamedTuple

from kvant.errors import UsageError

MAX_BEAM = 256
"""Far more than pays: 16 is hardly better than 8, and time and memory grow with it."""
MAX_REFINE = 1000
"""What 30 steps do not bring more will not, and each takes longer than decoding."""


class Search(NamedTuple):
    """num_codebooks, beam, limit, refine: as for `kvant.runtime.Codec.encode`."""

    num_codebooks: int | None = None
    beam: int = 1
    limit: float | None = None
    refine: int = 0


AS_IT_COMES = Search()
"""The nearest vector level by level, as many levels as the model gives."""


def check_beam(beam: int) -> int:
    """`beam`. UsageError: outside 1..MAX_BEAM."""
    if not 1 <= beam <= MAX_BEAM:
        raise UsageError(f"beam {beam}: must be 1 (greedy) to {MAX_BEAM}")
    return int(beam)


def check_refine(steps: int) -> int:
    """`steps`. UsageError: outside 0..MAX_REFINE."""
    if not 0 <= steps <= MAX_REFINE:
        raise UsageError(f"{steps} steps to refine: must be 1 to {MAX_REFINE}, or 0 for none")
    return int(steps)
