"""`kvant import`: published weights become a model, and the licence is shown."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import kvant
from kvant.checkpoint import load_codec
from kvant.codecs.mirrored import MirroredCodec
from kvant.importing import published
from tests.cli.conftest import Outcome
from tests.importing.test_encodec import TINY, tiny


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(published.PUBLISHED, "tiny", replace(TINY, place=""))
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


class TestByName:
    """Without a file it is fetched, without a folder kept where `kvant.load` looks."""

    @pytest.fixture(autouse=True)
    def own_cache(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        monkeypatch.setenv("KVANT_CACHE", str(tmp_path / "cache"))
        return tmp_path / "cache"

    def test_fetched_and_kept(
        self,
        run: Callable[..., Outcome],
        checkpoint: Path,
        own_cache: Path,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.setitem(published.PUBLISHED, "tiny", replace(TINY, place=checkpoint.as_uri(), sha256=""))
        done = run("import", "tiny")
        assert (done.code, done.err) == (0, "")
        assert f"{own_cache / 'models' / 'tiny' / 'model.safetensors'}: " in done.out
        assert kvant.load("tiny").name == "tiny"
        assert "exists already; use -f" in run("import", "tiny").err
        checkpoint.unlink()
        assert run("import", "tiny", "-o", tmp_path / "out", "--edges", "silence").code == 0
        assert not isinstance(load_codec(tmp_path / "out" / "model.safetensors"), MirroredCodec)

    def test_a_file_got_by_hand_is_kept_under_its_name(
        self, run: Callable[..., Outcome], checkpoint: Path, own_cache: Path
    ) -> None:
        """As the error without a network says."""
        failed = run("import", "tiny")
        assert failed.code == 3
        assert failed.err.endswith("then run: kvant import tiny FILE\n")
        failed = run("import", "tiny", "-o", "my out", "--edges", "silence", "-f")
        assert failed.err.endswith("then run: kvant import tiny FILE -o 'my out' --edges silence -f\n")
        assert run("import", "tiny", checkpoint).code == 0
        assert kvant.load("tiny").name == "tiny"

    def test_another_model_needs_a_folder(self, run: Callable[..., Outcome], checkpoint: Path) -> None:
        failed = run("import", "tiny", checkpoint, "--edges", "silence")
        assert (failed.code, failed.err.count("\n")) == (2, 1)
        assert "name its folder with -o" in failed.err
