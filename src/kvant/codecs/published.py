"""What must be known of published weights to make a codec of them: their layout, and whose they are."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

State = dict[str, Tensor]


@dataclass(frozen=True)
class Published:
    """Weights somebody released.

    config: of the `architecture` they fill. convert: from their state, weight norm folded, to that of our codec; names
    it does not know, it leaves. ignorable: regular expressions of the names that inference does without.
    source: the file as its authors name it. sha256: how its digest begins, empty if they do not say; whether a
    file is theirs is then not known.
    """

    architecture: str
    config: Any
    convert: Callable[[State], State]
    ignorable: tuple[str, ...]
    source: str
    sha256: str
    code_licence: str
    weights_licence: str


def renamed(name: str, patterns: Iterable[tuple[str, str]]) -> str:
    """A name of theirs as ours: each pattern of a table replaced, in its order."""
    for pattern, replacement in patterns:
        name = re.sub(pattern, replacement, name)
    return name
