"""The official Descript Audio Codec, weight for weight: the same codes, the same waveform, the same losses.

`pip install einops tqdm` and `pip install --no-deps descript-audio-codec`; without them these tests are skipped. What
it takes from audiotools is not used here, and stood in for.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from kvant.codec import Codec
from kvant.codecs import dac
from kvant.importing.filling import fill
from tests.near_ties import count_near_ties
from tests.peers import stand_ins
from tests.speech import speech

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")

SMALL = {"encoder_channels": 4, "decoder_channels": 48, "latent_dim": 24, "codebook_size": 64, "codebook_dim": 4}
CONFIGS = {name: replace(release.config, **SMALL) for name, release in dac.PUBLISHED.items()}


@pytest.fixture(scope="module")
def official() -> Iterator[ModuleType]:
    """The module of its model. Its package imports its command line, so that another stands before it."""
    pytest.importorskip("einops")
    pytest.importorskip("tqdm")
    found = importlib.util.find_spec("dac")
    if found is None or found.origin is None:
        pytest.skip("descript-audio-codec is not installed")
    package = ModuleType("dac")
    package.__path__ = [str(Path(found.origin).parent)]
    with pytest.MonkeyPatch.context() as patch:
        for name, stand_in in {**stand_ins.audiotools(), "dac": package}.items():
            patch.setitem(sys.modules, name, stand_in)
        yield importlib.import_module("dac.model.dac")
        for name in [name for name in sys.modules if name.startswith("dac.")]:
            del sys.modules[name]


def pair(official: ModuleType, config: dac.Config) -> tuple[nn.Module, Codec]:
    """(theirs, ours) of one config with the same weights, in evaluation."""
    torch.manual_seed(0)
    theirs = official.DAC(
        encoder_dim=config.encoder_channels,
        encoder_rates=list(config.strides),
        latent_dim=config.latent_dim,
        decoder_dim=config.decoder_channels,
        decoder_rates=list(config.strides[::-1]),
        n_codebooks=config.num_codebooks,
        codebook_size=config.codebook_size,
        codebook_dim=config.codebook_dim,
        sample_rate=config.sample_rate,
    )
    stand_ins.stir(theirs, "weight_g")
    ours = fill(replace(dac.PUBLISHED["dac-44khz"], config=config), theirs.state_dict())
    return theirs.eval(), ours


@pytest.fixture(scope="module", params=list(CONFIGS))
def models(official: ModuleType, request: pytest.FixtureRequest) -> tuple[nn.Module, Codec]:
    return pair(official, CONFIGS[request.param])


def assert_same_codes(ours: Codec, wav: Tensor, mine: Tensor, theirs: Tensor) -> None:
    """Equal but for near ties, and those at most one frame in a hundred."""
    with torch.no_grad():
        latents = ours.encoder(ours.pad(wav))
    assert count_near_ties(ours.quantizer, latents, mine, theirs) <= mine[:, 0].numel() / 100


@pytest.mark.parametrize("samples", [-1, 0, 257], ids="4 hops {:+}".format)
def test_codes_and_wav_are_its(models: tuple[nn.Module, Codec], samples: int) -> None:
    """A batch of two, of every length modulo the hop; what it does not compute at the end is silent."""
    theirs, ours = models
    wav = speech(1, batch=2, seed=3, sample_rate=16000)[..., : 4 * ours.hop_length + samples]
    with torch.no_grad():
        result = theirs(wav, ours.sample_rate)
    codes = ours.encode(wav)
    assert codes.shape[-1] == ceil(wav.shape[-1] / ours.hop_length)
    assert_same_codes(ours, wav, codes, result["codes"])
    decoded = ours.decode(result["codes"], wav.shape[-1])
    heard = result["audio"].shape[-1]
    assert wav.shape[-1] - heard <= 8
    assert result["audio"].std() > 0.02
    torch.testing.assert_close(decoded[..., :heard], result["audio"], rtol=0, atol=1e-5)
    assert decoded.shape == wav.shape
    assert not decoded[..., heard:].any()


def test_every_bitrate_is_its(models: tuple[nn.Module, Codec]) -> None:
    theirs, ours = models
    wav = speech(0.1, seed=4)
    for k in (1, ours.num_codebooks // 2, ours.num_codebooks - 1):
        with torch.no_grad():
            result = theirs(wav, ours.sample_rate, k)
        assert_same_codes(ours, wav, ours.encode(wav, k), result["codes"])
        heard = result["audio"].shape[-1]
        decoded = ours.decode(result["codes"], wav.shape[-1])[..., :heard]
        torch.testing.assert_close(decoded, result["audio"], rtol=0, atol=1e-5)


def test_losses_and_gradients_are_its(official: ModuleType) -> None:
    """In training, with every level: there the losses of the levels are sums, here means."""
    config = CONFIGS["dac-16khz"]
    theirs, ours = pair(official, config)
    wav = speech(0.1, batch=2, seed=5, sample_rate=16000)
    result, mine = theirs.train()(wav, config.sample_rate), ours.train()(wav)
    assert_same_codes(ours, wav, mine.quantized.codes, result["codes"])
    for name in ("commitment", "codebook"):
        expected = result[f"vq/{name}_loss"] / config.num_codebooks
        torch.testing.assert_close(mine.quantized.losses[name], expected, rtol=1e-5, atol=1e-7)
    heard = result["audio"].shape[-1]
    for audio, losses in (
        (result["audio"], [result[f"vq/{name}_loss"] / config.num_codebooks for name in ("commitment", "codebook")]),
        (mine.wav, list(mine.quantized.losses.values())),
    ):
        ((audio[..., :heard] - wav[..., :heard]).square().sum() + sum(losses)).backward()
    gradients = dict(ours.named_parameters())
    compared = 0
    for name, parameter in theirs.named_parameters():
        if not name.endswith(("weight_g", "weight_v")):
            (own,) = dac.from_official({name: parameter})
            torch.testing.assert_close(gradients[own].grad, parameter.grad, rtol=1e-3, atol=1e-4)
            compared += 1
    assert compared > 100
