"""How many different codes a level uses, and what that can tell from a sample of n: pure arithmetic."""

from collections.abc import Sequence

USED_SHARE = 0.1
"""A code counts as used if it won at least this share of what each code would win were all used alike."""


def usage(counts: Sequence[int]) -> float:
    """Share of the codes with at least one win and at least `USED_SHARE` n / V of them; counts: wins by code [V]."""
    needed = max(1.0, USED_SHARE * sum(counts) / len(counts))
    return sum(count >= needed for count in counts) / len(counts)


def attainable(n: float, size: float) -> float:
    """Share of V codes that n wins reach when all codes are used alike: 1 - (1 - 1/V)^n.

    A sample of fewer than some 3 V wins leaves codes untouched by chance; usage is judged against this, not against 1.
    """
    return 1 - (1 - 1 / size) ** n if size > 1 else 1.0
