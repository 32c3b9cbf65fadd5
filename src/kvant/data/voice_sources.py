"""What the voice corpus is made of: Debian packages, their licences and speakers, and which split hears whom."""

import re
from collections.abc import Iterator
from pathlib import Path

from kvant.data.recipe import Recipe, Source

LICENCES = {
    "festvox-ru": "BSD-like (Nickolay V. Shmyrev, 2005)",
    "tuxpaint-stamps-default": "GPL-2 (Bill Kendrick and contributors, 2002-2022)",
    "fillets-ng-data-cs": "GPL-2 (ALTAR interactive and contributors)",
    "fillets-ng-data-nl": "GPL-2 (ALTAR interactive and contributors)",
    "asterisk-core-sounds-fr-g722": "CC-BY-SA-3.0 (June Wallack, 2006-2008)",
    "asterisk-core-sounds-it-g722": "CC-BY-3.0 (Carlo Flora, 2012)",
    "asterisk-core-sounds-en-g722": "CC-BY-SA-3.0 (Allison Smith, 2003-2010)",
    "asterisk-core-sounds-es-g722": "CC-BY-SA-3.0 (Allison Smith, 2003-2010)",
    "asterisk-core-sounds-ru-g722": "CC-BY-3.0 (Maxim Topal, 2010)",
    "klettres-data": "GPL-2+ (Anne-Marie Mahfouf and contributors, 2001-2011)",
    "gcin-voice": "voice 3: GPL-3 or LGPL-3 (Edward Der-Hua Liu, 2014); voice 5: CC-BY-3.0 (ChionMeilin, Chu Lo)",
}
CONTENTS = "speech at 24 kHz, 7.0 h train, 0.4 h dev, 2.6 h test, 46 voices in some 25 languages; 515 MB of packages"
ASTERISK_SPEAKERS = {"fr": "june", "it": "carlo", "en": "allison", "es": "allison", "ru": "ivrvoice-ru"}
NOT_SPEECH = re.compile(r"/silence/|/(beep|beeperr|(a|de)scending-2tone|tt-monkeys)\.g722$")


def sources(cache: Path) -> Iterator[Source]:
    """Every recording of the corpus with its split, in a fixed order (package, then path)."""

    def files(package: str, pattern: str) -> list[str]:
        return sorted(path.relative_to(cache).as_posix() for path in (cache / package).rglob(pattern))

    reader = files("festvox-ru", "ru_*.wav")
    for index, path in enumerate(reader):
        yield Source("train" if index < len(reader) - 60 else "dev", "festvox-ru", path, "festvox-ru", "ru")
    for path in files("tuxpaint-stamps-default", "*.ogg"):
        if match := re.search(r"_desc_([a-z]{2})\.ogg", path):
            language = match[1]
            split = "dev" if language == "el" else "train"
            yield Source(split, "tuxpaint-stamps-default", path, f"tuxpaint-{language}", language)
    for language, split in (("cs", "train"), ("nl", "test")):
        for path in files(f"fillets-ng-data-{language}", "*.ogg"):
            role = re.search(r"(?:^|-)([mv])[-_.]", Path(path).name)  # the two fish; x: any other actor
            speaker = f"fillets-{language}-{role[1] if role else 'x'}"
            yield Source(split, f"fillets-ng-data-{language}", path, speaker, language)
    for language, speaker in ASTERISK_SPEAKERS.items():
        package = f"asterisk-core-sounds-{language}-g722"
        for path in files(package, "*.g722"):
            if not NOT_SPEECH.search(path):
                yield Source("train" if language in ("fr", "it") else "test", package, path, speaker, language)
    for path in files("klettres-data", "*.ogg"):
        language = Path(path).parts[-3]
        yield Source("train", "klettres-data", path, f"klettres-{language}", language)
    for path in files("gcin-voice", "*.ogg"):
        yield Source("train", "gcin-voice", path, f"gcin-{Path(path).stem}", "zh")


VOICES = Recipe(CONTENTS, LICENCES, sources)
