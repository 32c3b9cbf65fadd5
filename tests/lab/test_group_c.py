"""c1, c2, c3 and c5 at a size of seconds: they run, twice the same. What they claim is for their own size."""

import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from kvant.data.corpus import create_split
from kvant.lab import (
    c1_domain_shift,
    c2_band_limit_trap,
    c3_free_bits,
    c5_variable_rate,
    code_statistics,
    variable_depth,
)
from kvant.lab.bench import Bench
from kvant.lab.experiment import Finding
from kvant.lab.full_band import full_band_voices


def both_runs(name: str, corpus: Path) -> Finding:
    experiment = importlib.import_module(f"kvant.lab.{name}").EXPERIMENT
    findings = []
    for _ in range(2):
        torch.manual_seed(1)
        findings.append(experiment.run(Bench(1, corpus)))
    assert findings[0].rows == findings[1].rows
    assert "nan" not in findings[0].seen
    findings[0].draw(Figure())
    return findings[0]


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Noise of eight speakers, up to 12 kHz, and a narrow clip that must not be taken for it."""
    rng = np.random.default_rng(0)
    with create_split(tmp_path / "train") as writer:
        writer.manifest = {"sample_rate": 24000}
        for speaker, width in enumerate([12000] * 8 + [8000]):
            samples = (rng.standard_normal(30000) * (100 + 10 * speaker)).astype(np.int16)
            before = {"source": "noise", "path": str(speaker), "speaker": f"s{speaker}", "language": "xx"}
            writer.add(samples, before, {"source_rate": 24000, "bandwidth_hz": width, "gain": 1.0})
    return tmp_path


def test_c1(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "dev", "test"):
        shutil.copytree(corpus / split, tmp_path / split)
        shutil.copytree(corpus / split, tmp_path / "music" / split)
    monkeypatch.setattr(c1_domain_shift, "LEARNED", 8)
    monkeypatch.setattr(c1_domain_shift, "TRIED", 4)
    found = both_runs("c1_domain_shift", tmp_path)
    tried = [row for row in found.rows if "tried_on" in row]
    assert len(tried) == 12
    assert all(0 < float(row["bit_efficiency"]) <= 1 for row in tried)


def test_c2(wide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("STEPS", 1), ("ITEMS", 2), ("HEARD", 6), ("TRIED", 2)):
        monkeypatch.setattr(c2_band_limit_trap, name, value)
    assert len(both_runs("c2_band_limit_trap", wide).rows) == 9


def test_full_band_voices_keep_speakers_apart(wide: Path) -> None:
    """Told by the level of each speaker's noise; the narrow one is in neither."""
    heard, tried = full_band_voices(Bench(0, wide), 6, 2)
    speakers = [((wavs.std((1, 2)) * 32768 - 100) / 10).round().int().tolist() for wavs in (heard, tried)]
    assert sorted(speakers[0]) == [1, 2, 3, 5, 6, 7]
    assert sorted(speakers[1]) == [0, 4]


def test_errors_of_the_highs_are_gains_of_the_highs() -> None:
    wav = torch.randn(3, 1, 24000, generator=torch.Generator().manual_seed(0))
    assert c2_band_limit_trap.high_errors(0.1 * wav, wav) == pytest.approx([-20, -20, -20], abs=1e-3)


def test_c3(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c3_free_bits, "SIZE", c3_free_bits.Size(learned=8, coded=1, steps=1))
    monkeypatch.setattr(code_statistics, "BACKOFF", (100,))
    found = both_runs("c3_free_bits", corpus)
    assert found.checks[0].holds
    for row in found.rows:  # of 76 codes a stream: a byte more or less is 0.1 bits a code
        assert float(row["bits"]) == pytest.approx(float(row["ideal_bits"]), abs=0.24)


def test_c5(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c5_variable_rate, "SECONDS", 1.5)
    for name, values in (("PRICES", (0.1, 0.5)), ("CUTS", (15,)), ("CONSTANT", (2, 4))):
        monkeypatch.setattr(variable_depth, name, values)
    rows = [row for row in both_runs("c5_variable_rate", corpus).rows if row["rule"] == "constant"]
    assert [row["kbps_depths"] for row in rows] == [0] * 4
