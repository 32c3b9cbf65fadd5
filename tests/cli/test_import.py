"""`kvant import`: published weights become a model, and the licence is shown."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kvant.checkpoint import load_codec
from kvant.codecs.mirrored import MirroredCodec
from kvant.importing import published
from tests.cli.conftest import Outcome
from tests.importing.test_encodec import TINY, tiny


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(published.PUBLISHED, "tiny", TINY)
    torch.save(tiny()[0], tmp_path / "tiny.th")
    return tmp_path / "tiny.th"


def test_a_model_with_its_licence(run: Callable[..., Outcome], checkpoint: Path, tmp_path: Path) -> None:
    model = tmp_path / "out" / "model.safetensors"
    done = run("import", "tiny", checkpoint, "-o", tmp_path / "out")
    assert done.code == 0
    assert f"{model}: {model.stat().st_size} bytes" in done.out
    assert "licence of the weights: MIT by their repository, CC-BY-NC" in done.out
    assert "note: not the file its authors released as tiny" in done.out
    assert isinstance(load_codec(model), MirroredCodec)
    assert run("import", "tiny", checkpoint, "-o", tmp_path / "out").code == 2
    assert run("import", "tiny", checkpoint, "-o", tmp_path / "out", "-f", "--edges", "silence").code == 0
    assert not isinstance(load_codec(model), MirroredCodec)


def test_wrong_use_is_one_line(run: Callable[..., Outcome], checkpoint: Path, tmp_path: Path) -> None:
    unknown = run("import", "tinier", checkpoint, "-o", tmp_path / "out")
    assert (unknown.code, unknown.err.count("\n")) == (2, 1)
    assert "encodec-24khz" in unknown.err.split("known: ")[1]
    other = run("import", "encodec-24khz", checkpoint, "-o", tmp_path / "out")
    assert other.code == 3
    assert "weights do not fit encodec_24khz-d7cc33bc.th" in other.err
    assert not (tmp_path / "out").exists()
