"""`kvant import --with`: a release that takes a second file."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kvant.checkpoint import load_codec
from kvant.importing import published as known
from tests.cli.conftest import Outcome
from tests.importing import test_encodec
from tests.importing.test_vocos import TINY, split


def test_a_second_file_is_asked_for_where_it_is_needed_and_nowhere_else(
    run: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "pytorch_model.bin", tmp_path / "encodec.th"
    for file, state in zip(files, (split("vocos_tiny.safetensors")[0], test_encodec.tiny()[0]), strict=True):
        torch.save(state, file)
    monkeypatch.setitem(known.PUBLISHED, "tiny", TINY)
    monkeypatch.setitem(known.PUBLISHED, "front", test_encodec.TINY)
    alone = run("import", "tiny", files[0], "-o", tmp_path / "out")
    assert (alone.code, alone.err.count("\n")) == (2, 1)
    assert "needs a second file: give encodec_24khz-d7cc33bc.th as well, with --with" in alone.err
    assert "takes no second file" in run("import", "front", files[1], "--with", files[0], "-o", tmp_path / "out").err
    assert run("import", "tiny", files[0], "--with", files[1], "-o", tmp_path / "out").code == 0
    assert load_codec(tmp_path / "out" / "model.safetensors").num_codebooks == 3
