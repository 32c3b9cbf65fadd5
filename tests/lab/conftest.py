"""A corpus of a few seconds, and an experiment that takes none."""

import json
from pathlib import Path

import numpy as np
import pytest

from kvant.data.corpus import create_split
from kvant.lab.bench import Bench
from kvant.lab.experiment import Check, Experiment, Finding

RATE = 24000


def coin(bench: Bench) -> Finding:
    """Heads of 100 tosses."""
    heads = int(np.random.default_rng(bench.seed).integers(2, size=100).sum())
    rows: list[dict[str, float | int | str]] = [{"tosses": 100, "heads": heads}, {"tosses": 100, "share": heads / 100}]

    def draw(figure: object) -> None:
        figure.subplots().bar(["heads", "tails"], [heads, 100 - heads])  # type: ignore[attr-defined]

    check = Check("a coin has two sides", f"{heads} heads", np.bool_(0 < heads < 100))  # as comparisons of arrays give
    return Finding(rows, draw, f"{heads} heads & <tails>.", (check,))


def loaded_coin(bench: Bench) -> Finding:
    """The same, found wanting."""
    return coin(bench)._replace(checks=(Check("it always lands on heads", "it does not", False),))


FAIR = Experiment("z1-coin", "A coin has two sides", "What does a coin do?", coin)
LOADED = Experiment("z2-loaded", "A loaded coin", "What does this one do?", loaded_coin)
HEARING = Experiment("z3-hearing", "A coin that listens", "What does it hear?", coin, needs_corpus=True)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three experiments instead of the real ones."""
    import sys
    from types import ModuleType

    from kvant.lab import EXPERIMENTS, TITLES

    for dictionary in (EXPERIMENTS, TITLES):
        for name in list(dictionary):
            monkeypatch.delitem(dictionary, name)
    for experiment in (FAIR, LOADED, HEARING):
        module = ModuleType(experiment.name)
        module.EXPERIMENT = experiment  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, experiment.name, module)
        monkeypatch.setitem(EXPERIMENTS, experiment.name, experiment.name)
        monkeypatch.setitem(TITLES, experiment.name, experiment.title)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Splits of the bundled recordings: half a minute to train on, some to test."""
    root = tmp_path_factory.mktemp("corpus")
    wavs = Bench().recordings()
    for split, parts in (("train", wavs), ("dev", wavs[:2]), ("test", wavs[2:])):
        with create_split(root / split) as writer:
            writer.manifest = {"sample_rate": RATE}
            for place, wav in enumerate(parts):
                samples = np.clip(np.round(wav * 32768), -32768, 32767).astype(np.int16)
                before = {"source": "bundled", "path": str(place), "speaker": str(place), "language": "xx"}
                writer.add(samples, before, {"source_rate": RATE, "bandwidth_hz": 8000, "gain": 1.0})
        assert len(json.loads((root / split / "manifest.json").read_text())) == 1
    return root
