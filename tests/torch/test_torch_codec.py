"""A model without graphs behind the verbs of the runtime: cores it may use, and what a single codebook refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kvant
from kvant.bitstream import ABSENT
from kvant.checkpoint import save_codec
from kvant.codecs import CODECS, SEGMENTED, encodec, encodec_stereo, wavtokenizer
from kvant.decoders.vocos import BackboneConfig
from kvant.errors import ModelError
from kvant.layers.seanet import SEANetConfig

SEANET = SEANetConfig(filters=4, strides=(2, 5))
CONFIGS: dict[str, Any] = {
    "encodec": encodec.Config(latent_dim=6, num_codebooks=3, codebook_size=16, seanet=SEANET),
    "encodec-stereo": encodec_stereo.Config(
        latent_dim=6,
        num_codebooks=3,
        codebook_size=16,
        seanet=SEANetConfig(filters=4, strides=(2, 5), channels=2),
        segment_length=200,
        segment_stride=190,
    ),
    "wavtokenizer": wavtokenizer.Config(
        latent_dim=16, codebook_size=16, seanet=SEANetConfig(filters=4), backbone=BackboneConfig(32, 32, 1)
    ),
}


def saved(architecture: str, folder: Path) -> Path:
    """The folder of a small model of that kind."""
    config = CONFIGS[architecture]
    codec = (CODECS | SEGMENTED)[architecture][1](config).eval()
    save_codec(folder / "model.safetensors", codec, architecture, config, {"name": "small"}, half=False)
    return folder


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("threads", [1, 2])
def test_torch_uses_as_many_cores_as_it_was_told_and_its_setting_stays(
    architecture: str, threads: int, tmp_path: Path
) -> None:
    codec = kvant.load(str(saved(architecture, tmp_path)), threads)
    used: dict[str, set[int]] = {"encoder": set(), "decoder": set()}
    for name, module in codec.network.named_modules():  # type: ignore[attr-defined]
        if not list(module.children()) and (half := name.split(".")[0]) in used:
            module.register_forward_pre_hook(lambda *_, half=half: used[half].add(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        codec.decode(codec.encode(np.zeros(3000, np.float32), codec.sample_rate))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert used == {"encoder": {threads}, "decoder": {threads}}


def test_of_a_single_codebook_no_code_can_be_absent(tmp_path: Path) -> None:
    codec = kvant.load(str(saved("wavtokenizer", tmp_path)))
    assert not codec.takes_absent
    stream = codec.decoder_stream()
    with pytest.raises(ModelError, match="no frames of fewer codes"):
        stream.push(np.array([[[3, ABSENT, 2]]]))
    stream.push(np.array([[[3, 2]]]))
    assert stream.flush().shape == (1, 2 * codec.hop_length)
