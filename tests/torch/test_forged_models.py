"""Model files and configs that somebody forged or garbled: a named error, whatever they say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kvant.checkpoint import build_codec, load_codec
from kvant.codecs import CODECS
from kvant.errors import ModelError
from kvant.model_file import write_model_file

FORGED: list[tuple[Any, Any]] = [
    ("frame", []),
    ("frame", None),
    ("frame", "features"),
    ("frame", {"features": []}),
    ("frame", {"features": {"num_bins": 0}}),
    ("frame", {"features": {"num_bins": [64]}}),
    ("frame", {"encoder": {"dilations": 3}}),
    ("frame", {"sample_rate": "a"}),
    ("frame", {"sample_rate": 24000.5}),
    ("frame", {"sample_rate": None}),
    ("encodec", {"seanet": {"strides": [0]}}),
    ("encodec", {"seanet": {"strides": None}}),
    ("dac", {"strides": ["a"]}),
    ("snac", {"code_strides": []}),
    ("encodec-stereo", {"segment_stride": 0}),
]


@pytest.mark.parametrize(("architecture", "config"), FORGED, ids=json.dumps)
def test_a_config_that_builds_no_codec(architecture: str, config: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    metadata = {"name": "forged", "architecture": architecture, "config": config}
    write_model_file(path, {"a": np.zeros(1, np.float32)}, metadata, overwrite=True)
    with pytest.raises(ModelError, match=r"model\.safetensors: its config builds no codec"):
        load_codec(path)


@pytest.mark.parametrize("architecture", [["frame"], {"frame": 1}, 3, None, "", "Frame"], ids=json.dumps)
def test_an_architecture_that_is_none(architecture: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    metadata = {"name": "forged", "architecture": architecture, "config": {}}
    write_model_file(path, {"a": np.zeros(1, np.float32)}, metadata, overwrite=True)
    with pytest.raises(ModelError, match=r"is not known here; known: frame"):
        load_codec(path)


def test_a_whole_number_will_do_for_a_fraction() -> None:
    """JSON has one kind of number."""
    config = {"num_codebooks": 1, "codebook_size": 8, "features": {"nyquist": 12000}}
    assert build_codec(CODECS, "frame", config, "here").quantizer.codebook_sizes == (8,)
