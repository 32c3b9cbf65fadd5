"""How many different codes a level uses, and what that can tell from a sample of n: pure arithmetic."""

import math
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


def entropy(counts: Sequence[int]) -> float:
    """Entropy of code use in bits after Miller and Madow (1955): - sum p log2 p + (m - 1) / (2 n ln 2).

    m: codes seen at all. The plug-in entropy alone is too low by about that second term: 0.19 bits at n = 4,096 and
    V = 1,024. At most log2 V.
    """
    n = sum(counts)
    if n == 0:
        return 0.0
    plug_in = -sum(count / n * math.log2(count / n) for count in counts if count)
    seen = sum(count > 0 for count in counts)
    return min(plug_in + (seen - 1) / (2 * n * math.log(2)), math.log2(len(counts)))
