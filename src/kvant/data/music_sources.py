"""What the music corpus is made of: Debian packages, their licences, and which split hears which track."""

from collections.abc import Iterator
from pathlib import Path

from kvant.data.recipe import Recipe, Source

LICENCES = {
    "colobot-common-sounds": "GPL-3+ (Daniel Roux, EPSITEC SA and TerranovaTeam, 2001-2016)",
    "asterisk-moh-opsound-g722": "CC-BY-SA-3.0 (Paul Shuler, Manolo Camp and Reno Project, 2008-2009)",
}
CONTENTS = "music at 24 kHz, 0.9 h train, 0.2 h dev, 0.3 h test, 26 tracks; 69 MB of packages"
HELD_OUT = ("Hv2", "music007", "music012")


def sources(cache: Path) -> Iterator[Source]:
    """Every track: a game's music in train, three of it in dev, other composers (recorded up to 8 kHz) in test.

    A track is its own speaker: so each has its own bandwidth, and is drawn as a voice is.
    """
    for package, pattern in (("colobot-common-sounds", "music/*.ogg"), ("asterisk-moh-opsound-g722", "moh/*.g722")):
        for path in sorted((cache / package).rglob(pattern)):
            split = "test" if path.suffix == ".g722" else "dev" if path.stem in HELD_OUT else "train"
            yield Source(split, package, path.relative_to(cache).as_posix(), path.stem, "")


MUSIC = Recipe(CONTENTS, LICENCES, sources)
