"""What a comparison with an official package says, and how packages that are never called are stood in for."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from kvant.bench.comparison import Comparison, agreement, recording
from kvant.bench.sides import Ours
from kvant.bench.unused import unused_packages
from kvant.cli.bench import FRAME_HEAD, HEAD, row
from kvant.runtime import Codes


def test_agreement_counts_codes_and_takes_the_largest_difference_of_the_common_length(tmp_path: Path) -> None:
    coarse, fine = np.array([1, 2]), np.array([3, 4, 5, 6])
    wav = np.array([0.5, -2.0, 1.0, 9.0])
    np.savez(tmp_path / "official.npz", coarse, fine, wav=wav[:3])
    np.savez(tmp_path / "ours.npz", coarse, np.add(fine, [0, 0, 1, 0]), wav=np.add(wav, [0.0, 0.5, 0.0, 7.0]))
    equal, error = agreement(tmp_path)
    assert equal == pytest.approx(5 / 6)
    assert error == pytest.approx(0.25)


def test_slots_of_several_rates_are_the_sequences_of_the_paper() -> None:
    """Frame t of strides (4, 2, 1) has 1 + 2 + 4 codes: here each code tells its place."""
    side = Ours.__new__(Ours)
    side.codec = type("", (), {"slot_strides": (4, 2, 2, 1, 1, 1, 1)})()
    frames = np.array([[0, 0, 1, 0, 1, 2, 3], [1, 2, 3, 4, 5, 6, 7], [2, 4, 5, 8, 9, 10, 11]]).T
    scales = side.scales(Codes(frames[None], 24000, 0))
    assert [scale.tolist() for scale in scales] == [list(range(3)), list(range(6)), list(range(12))]


def test_recordings_are_as_long_as_asked() -> None:
    wav = recording(40.0, 8000)
    assert wav.shape == (320000,)
    assert wav.dtype == np.float32
    assert wav.std() > 0.01


def test_a_row_has_a_cell_for_each_column_and_ratios_say_how_much_faster_we_are() -> None:
    line = row(Comparison("x", "torch", 10, 1, (2.0, 1.0), (4.0, 5.0), (100.0, 50.0), 1.0, 1e-6))
    assert line.count("|") == HEAD.count("|")
    cells = [cell.strip() for cell in line.split("|")]
    assert cells[5:8] == ["5.00", "10.00", "2.00"]
    assert cells[8:11] == ["2.50", "2.00", "0.80"]


def test_a_frame_has_cells_of_its_own_that_are_empty_where_nothing_streams() -> None:
    found = Comparison("x", "torch", 10, 1, (2.0, 1.0), (4.0, 5.0), (100.0, 50.0), 1.0, 1e-6, (0.0123, 0.02))
    for frame, cells in ((found.frame, ["12.3", "20.0"]), (None, ["–", "–"])):
        line = row(replace(found, frame=frame), frames=True)
        assert line.count("|") == (HEAD + FRAME_HEAD).count("|")
        assert [cell.strip() for cell in line.split("|")][-3:-1] == cells


def test_what_is_not_installed_can_be_derived_from_and_is_gone_afterwards(tmp_path: Path) -> None:
    (tmp_path / "uses_them.py").write_text(
        "import audiotools\nfrom argbind import bind\nfrom audiotools.ml import BaseModel\n"
        "import torchaudio.transforms\n"
        "class Model(BaseModel): pass\n@bind(group='x')\ndef f(): ...\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        with unused_packages():
            module: Any = importlib.import_module("uses_them")
        assert module.Model().training
        assert "audiotools" not in sys.modules
        with pytest.raises(ImportError):
            importlib.import_module("audiotools.ml")
        with unused_packages(), pytest.raises(ImportError):
            importlib.import_module("no_package_of_this_name")
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("uses_them", None)
