"""What cannot become graphs, and says why."""

from pathlib import Path

import pytest

from kvant.checkpoint import save_codec
from kvant.codecs import dac
from kvant.errors import ModelError
from kvant.export import export
from kvant.model_file import read_model_file, write_model_file


def test_a_file_that_does_not_say_how_far_its_codec_hears_is_refused(tmp_path: Path) -> None:
    """As those were that were saved before the runtime asked."""
    weights = tmp_path / "model.safetensors"
    config = dac.Config(strides=(2,), encoder_channels=2, decoder_channels=4, latent_dim=4, num_codebooks=1)
    save_codec(weights, dac.build(config), "dac", config, {"name": "old"})
    model = read_model_file(weights)
    del model.metadata["signal"]["decoder_overlap"]
    write_model_file(weights, model.tensors, model.metadata, overwrite=True)
    with pytest.raises(ModelError, match="does not say how far this codec hears"):
        export(weights)
    assert not list(tmp_path.glob("*.onnx"))
