"""What is loaded once for calls that name a model: never another one, nor what it was before."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kvant
from kvant.bitstream import info
from kvant.errors import ModelError
from kvant.model_file import read_model_file, write_model_file
from kvant.runtime.files import codec_for, header_for
from kvant.runtime.graph import Graph
from kvant.runtime.kept import kept
from kvant.runtime.models import DEFAULT, WEIGHTS, find

WAV = np.zeros(2400, np.float32)
SHIPPED = find(DEFAULT)


def copied(folder: Path) -> Path:
    shutil.copytree(SHIPPED, folder)
    return folder


def renamed(folder: Path, name: str) -> Path:
    """The same model under another name, which is in its streams: as long as its own, so that the graphs still fit."""
    assert len(name) == len(DEFAULT)
    model = read_model_file(folder / WEIGHTS)
    write_model_file(folder / WEIGHTS, model.tensors, model.metadata | {"name": name}, overwrite=True)
    return folder


def made_by(model: str) -> str:
    return info(io.BytesIO(kvant.compress(WAV, 24000, model=model))).header.model_id


def test_a_relative_name_is_of_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, name in (("a", "model-number-01"), ("b", "model-number-02")):
        renamed(copied(tmp_path / place / "m"), name)
    for place, name in (("a", "model-number-01"), ("b", "model-number-02"), ("a", "model-number-01")):
        monkeypatch.chdir(tmp_path / place)
        assert made_by("m") == name
    assert kept("m") is kept(str(tmp_path / "a" / "m"))


def test_a_model_that_was_written_anew_is_loaded_anew(tmp_path: Path) -> None:
    folder = copied(tmp_path / "m")
    before = kept(str(folder))
    assert kept(str(folder)) is before
    renamed(folder, "written-later-1")
    assert made_by(str(folder)) == "written-later-1"
    assert codec_for(header_for(kept(str(folder)), 24000, 1, None), str(folder)).name == "written-later-1"


def test_graphs_are_loaded_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded: list[Path] = []

    class Counted(Graph):
        def __init__(self, path: Path, threads: int) -> None:
            loaded.append(path)
            super().__init__(path, threads)

    monkeypatch.setattr("kvant.runtime.codec.Graph", Counted)
    folder = copied(tmp_path / "m")
    for _ in range(3):
        kvant.decompress(kvant.compress(WAV, 24000, model=str(folder)), str(folder))
    assert sorted(path.name for path in loaded) == ["decoder.onnx", "encoder.onnx"]


def test_of_shipped_models_that_of_the_streams_name_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And no other is read, if it is the one; if not, the others are."""
    monkeypatch.setattr("kvant.runtime.models.SHIPPED", tmp_path)
    names = [f"model-number-0{k}" for k in (1, 2, 3)]
    for name in names:
        renamed(copied(tmp_path / name), name)
    read: list[str] = []
    monkeypatch.setattr("kvant.runtime.files.kept", lambda name: read.append(name) or kept(name))
    header = header_for(kept(names[1]), 24000, 1, None)
    assert codec_for(header).name == names[1]
    assert read == [names[1]]
    assert codec_for(replace(header, model_id="of another name")).name == names[0]


def test_of_imported_models_only_that_of_the_streams_name_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And nothing outside the cache, whatever a stream calls its model."""
    monkeypatch.setenv("KVANT_CACHE", str(tmp_path))
    monkeypatch.setattr("kvant.runtime.models.SHIPPED", tmp_path / "none")
    names = [f"model-number-0{k}" for k in (1, 2)]
    folders = [renamed(copied(tmp_path / "models" / name), name) for name in names]
    header = header_for(kept(str(folders[1])), 24000, 1, None)
    read: list[str] = []
    monkeypatch.setattr("kvant.runtime.files.kept", lambda name: read.append(name) or kept(name))
    assert codec_for(header).name == names[1]
    for foreign in ("../models/model-number-01", "model-number-03"):
        with pytest.raises(ModelError, match="no model here"):
            codec_for(replace(header, model_id=foreign))
    assert read == [str(folders[1])]
    with pytest.raises(ModelError, match=f"{names[1]} has "):
        codec_for(replace(header, decoder_digest=bytes(32)))
