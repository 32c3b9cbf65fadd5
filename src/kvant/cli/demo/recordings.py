"""The recordings that come with Kvant (assets/ATTRIBUTION.md says where from)."""

from pathlib import Path
from typing import NamedTuple

import kvant

ASSETS = Path(kvant.__file__).parent / "assets"
ATTRIBUTION = "ATTRIBUTION.md"

_CC_BY = ("CC BY 3.0", "https://creativecommons.org/licenses/by/3.0/")
_CC_BY_SA = ("CC BY-SA 3.0", "https://creativecommons.org/licenses/by-sa/3.0/")


class Recording(NamedTuple):
    """A bundled recording. seen: by the shipped model, in training; else it never heard the speaker."""

    name: str
    language: str
    seen: bool
    credit: str
    licence: tuple[str, str]  # name and address

    @property
    def path(self) -> Path:
        return ASSETS / f"{self.name}.flac"


RECORDINGS = (
    Recording("en", "English", False, "© 2003-2010 Allison Smith, theivrvoice.com", _CC_BY_SA),
    Recording("ru", "Russian", False, "© 2010 Maxim Topal, ivrvoice.ru", _CC_BY),
    Recording("fr", "French", True, "© 2006-2008 June Wallack, junewallack.com", _CC_BY_SA),
    Recording("it", "Italian", True, "© 2012 Carlo Flora, carloflora.com", _CC_BY),
)
