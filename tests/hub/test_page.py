"""The Python of docs/transformers.md runs, in its order; what it would fetch is a small release from this disk."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import kvant
from kvant.audio import read
from kvant.importing.published import PUBLISHED
from tests.importing.test_transformers_layouts import TINY, tiny
from tests.speech import speech

pytest.importorskip("transformers")

PAGE = (Path(__file__).parents[2] / "docs" / "transformers.md").read_text(encoding="utf-8")


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KVANT_CACHE", str(tmp_path / "cache"))
    save_file(tiny("encodec-24khz")[0], tmp_path / "published.safetensors")
    place = (tmp_path / "published.safetensors").as_uri()
    monkeypatch.setitem(PUBLISHED, "encodec-24khz", replace(TINY["encodec-24khz"], place=place, sha256=""))
    wav, sample_rate = read(Path(kvant.__file__).parent / "assets" / "en.flac")
    wav = wav[:, :8000]
    names: dict[str, Any] = {"wav": wav, "sample_rate": sample_rate, "speech": speech(0.5)[0, 0].numpy()}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    exec(blocks[0], names)
    assert names["wav"].shape == wav.shape
    assert np.abs(names["wav"]).max() > 0.01
    assert (tmp_path / "cache" / "models" / "encodec-24khz" / "model.safetensors").is_file()
    exec(blocks[1], names)
    assert names["codes"].shape == (2, 4, 39)
    values, inputs, codes = names["audio_values"], names["inputs"], names["model"].encode(**names["inputs"])
    assert values.shape == (2, 1, 12000)
    exec(blocks[2], names)
    assert torch.equal(names["model"].encode(**inputs).audio_codes, codes.audio_codes)
    assert names["processor"].sampling_rate == 24000


def test_it_names_every_layout() -> None:
    """Each package that layouts are named after, but for those of a codec's own authors."""
    several = [name for name, release in PUBLISHED.items() if len(release.layouts) > 1]
    (table,) = re.findall(r"\| weights \| layouts \|\n(.*?)\n\n", PAGE, re.DOTALL)
    for name in several:
        assert re.search(rf"^\| {name.split('-')[0]}\b", table, re.MULTILINE | re.IGNORECASE), name
