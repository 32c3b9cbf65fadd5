"""What must be known of published weights to make a codec of them: place, layouts, and whose they are."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from kvant.errors import ModelError

State = dict[str, Tensor]


@dataclass(frozen=True)
class Layout:
    """How one package names the tensors of a codec.

    package: whose names these are. mark: regular expression of a name that every file of this layout has, and none of
    another. convert: from that state, weight norm folded, to that of our codec; names it does not know, it leaves.
    ignorable: regular expressions of the names that inference does without.
    """

    package: str
    mark: str
    convert: Callable[[State], State]
    ignorable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Companion:
    """A second file that a release does without, since its authors did not publish its weights again.

    prefix: what its names get in front, beside those of the first file. source: the file as its authors name it.
    """

    prefix: str
    source: str


@dataclass(frozen=True)
class Published:
    """Weights somebody released.

    config: of the `architecture` they fill. layouts: those their files come in, that of the authors first.
    source: the file as its authors name it. sha256: how its digest begins, empty if they do not say; whether a
    file is theirs is then not known. place: where that file can be fetched, `https://...`, or `hf://owner/name/file` on
    the Hugging Face hub; empty if only by hand. companion: a second file it takes, if any.
    """

    architecture: str
    config: Any
    layouts: tuple[Layout, ...]
    source: str
    sha256: str
    code_licence: str
    weights_licence: str
    place: str = ""
    companion: Companion | None = None

    def layout_of(self, state: Iterable[str]) -> Layout:
        """The layout whose mark is among the names of `state`. ModelError: there is none, or several."""
        names = list(state)
        found = [layout for layout in self.layouts if any(re.fullmatch(layout.mark, name) for name in names)]
        if len(found) != 1:
            known = ", ".join(layout.package for layout in self.layouts)
            some = ", ".join(sorted(names)[:3])
            trouble = "of several layouts at once" if found else "of no layout that is known"
            raise ModelError(f"weights do not fit {self.source}: names {trouble} ({known}): {some} ...")
        return found[0]


def renamed(name: str, patterns: Iterable[tuple[str, str]]) -> str:
    """A name of theirs as ours: each pattern of a table replaced, in its order."""
    for pattern, replacement in patterns:
        name = re.sub(pattern, replacement, name)
    return name
