"""What the documentation shows exists and runs."""

import re
from pathlib import Path

import numpy as np
import pytest

import kvant
from kvant.audio import read
from kvant.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = [path for pattern in ("*.md", "docs/**/*.md", "src/**/*.md") for path in sorted(ROOT.glob(pattern))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_the_python_of_the_readme_runs() -> None:
    wav, sample_rate = read(Path(kvant.__file__).parent / "assets" / "en.flac")
    assert sample_rate == 16000
    names = {"wav": wav, "block": wav[:, :1600]}
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(code, names)
    assert names["codes"].codes.shape[:2] == (1, 4)
    assert names["wav"].shape == wav.shape
    assert names["frames"].shape[:2] == (1, 8)
    assert len(names["data"]) * 8 / (wav.shape[1] / sample_rate) < 6000
    assert np.isfinite(names["wav"]).all()


def test_the_commands_of_the_readme_are_there() -> None:
    verbs = {command.callback.__name__ for command in app.registered_commands if command.callback}
    verbs |= {group.name for group in app.registered_groups if group.name}
    shown = set(re.findall(r"kvant ([a-z]+) ", "".join(re.findall(r"```console\n(.*?)```", README, re.DOTALL))))
    assert shown <= verbs
    assert {"encode", "decode", "train"} <= shown
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ([a-z]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_page_on_quantizers_names_every_part() -> None:
    from kvant.quantizers import CODEBOOKS, LEVEL_DROPOUTS, QUANTIZERS
    from kvant.quantizers.gradients import GRADIENTS, RELAXATIONS
    from kvant.quantizers.penalties import PENALTIES
    from kvant.quantizers.remedies import REMEDIES

    page = (ROOT / "docs" / "quantizers.md").read_text(encoding="utf-8")
    parts = (*QUANTIZERS, *CODEBOOKS, *GRADIENTS, *RELAXATIONS, *REMEDIES, *PENALTIES, *LEVEL_DROPOUTS)
    assert [part.__name__ for part in parts if f"`{part.__name__}`" not in page] == []
