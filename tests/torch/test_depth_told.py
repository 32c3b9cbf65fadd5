"""A decoder that is told the depth is told the same by every road: the codec, what is traced, and torch at runtime."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kvant.checkpoint import load_codec, save_codec
from kvant.codec import Codec
from kvant.codecs import vocos
from kvant.export.steps import DecoderHalf
from kvant.torch_codec import TorchCodec
from tests.laws.look_ahead import CODECS_LOOKING_AHEAD
from tests.speech import speech

CONFIG = CODECS_LOOKING_AHEAD["vocos"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small codec, its conditions far apart."""
    torch.manual_seed(0)
    codec = vocos.build(CONFIG)
    for name, parameter in codec.decoder.named_parameters():
        if name.endswith(("norm.scale.weight", "norm.shift.weight")):
            nn.init.normal_(parameter)
    path = tmp_path_factory.mktemp("told") / "model.safetensors"
    save_codec(path, codec, "vocos", CONFIG, {"name": "told"})
    return path


@pytest.fixture(scope="module")
def codec(model: Path) -> Codec:
    return load_codec(model)


@pytest.fixture(scope="module")
def codes(codec: Codec) -> Tensor:
    return codec.encode(speech(0.04, batch=2))


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_roads_agree_at_every_depth(depth: int, codec: Codec, codes: Tensor, model: Path) -> None:
    whole = codec.decode(codes[:, :depth])
    with torch.no_grad():
        other = codec.decoder_at(2 if depth >= 4 else 5)(codec.quantizer.decode(codes[:, :depth]))
        traced, *_ = DecoderHalf(codec)(codes[:, :depth], torch.zeros(2, dtype=torch.int64))
    assert (whole - other).abs().max() > 0.01 * whole.abs().max(), "what is told is heard"
    torch.testing.assert_close(traced.reshape(whole.shape), whole, rtol=0, atol=1e-6)
    half = TorchCodec(model).decoder
    wav, _ = half.step(codes[:, :depth].numpy(), half.initial_state(2))
    np.testing.assert_allclose(wav.reshape(whole.shape), whole.numpy(), rtol=0, atol=1e-6)


def test_training_tells_each_item_its_own(codec: Codec, codes: Tensor) -> None:
    """With a depth for each item, as level dropout draws them."""
    wav = speech(0.04, batch=2)
    with torch.no_grad():
        together = codec(wav, torch.tensor([2, 5])).wav
        for item, depth in enumerate((2, 5)):
            alone = codec(wav[item : item + 1], depth).wav
            torch.testing.assert_close(together[item : item + 1], alone, rtol=0, atol=1e-5)
