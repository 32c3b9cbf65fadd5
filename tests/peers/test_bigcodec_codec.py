"""The authors' BigCodec, weight for weight: the same codes, the same waveform, the same losses.

It is no package: clone Aria-K-Alethia/BigCodec, put its folder on PYTHONPATH, and `pip install einops`; without both,
these tests are skipped. Its command line appends 200 - N mod 200 samples of silence, a whole frame where none is
missing; here both get what this project appends.
"""

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from kvant.codec import Codec
from kvant.codecs import bigcodec
from kvant.importing.filling import fill
from kvant.layers.anti_aliased import AntiAliased
from tests.near_ties import count_near_ties
from tests.peers import stand_ins
from tests.speech import speech

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")

LISTED = Path(__file__).parents[1] / "importing" / "fixtures" / "bigcodec_names.txt"
RELEASE = bigcodec.PUBLISHED["bigcodec"]
CONFIGS = {
    "narrow": replace(RELEASE.config, encoder_channels=2, decoder_channels=32, latent_dim=24, codebook_size=64),
    "odd": replace(
        RELEASE.config, strides=(3, 5), encoder_channels=6, decoder_channels=12, lstm_layers=1, latent_dim=9
    ),
}


@pytest.fixture(scope="module")
def official() -> ModuleType:
    """Its package of the model."""
    pytest.importorskip("einops")
    package = pytest.importorskip("vq")
    if not hasattr(package, "CodecEncoder"):
        pytest.skip("another package is called vq")
    return importlib.import_module("vq")


@torch.no_grad()
def pair(official: ModuleType, config: bigcodec.Config) -> tuple[nn.Module, nn.Module, Codec]:
    """(their encoder, their decoder and quantizer, ours) with the same weights, in evaluation."""
    torch.manual_seed(0)
    encoder = official.CodecEncoder(
        ngf=config.encoder_channels,
        rnn_num_layers=config.lstm_layers,
        up_ratios=config.strides,
        out_channels=config.latent_dim,
    )
    decoder = official.CodecDecoder(
        in_channels=config.latent_dim,
        upsample_initial_channel=config.decoder_channels,
        ngf=config.encoder_channels,
        rnn_num_layers=config.lstm_layers,
        up_ratios=config.strides[::-1],
        vq_dim=config.latent_dim,
        codebook_size=config.codebook_size,
        codebook_dim=config.codebook_dim,
    )
    for part in (encoder, decoder):
        stand_ins.stir(part, "weight_g")
        for name, parameter in part.named_parameters():
            if name.endswith(("act.alpha", "act.beta")):
                parameter.normal_(0, 0.25)
            elif name.endswith("weight_g"):
                parameter.mul_(1.3)
    ours = fill(replace(RELEASE, config=config), saved(encoder, decoder))
    return encoder.eval(), decoder.eval(), ours


def saved(encoder: nn.Module, decoder: nn.Module) -> dict[str, Tensor]:
    """Both states as one, as a checkpoint of both is read."""
    return {
        f"{name}.{key}": tensor
        for name, part in (("CodecEnc", encoder), ("generator", decoder))
        for key, tensor in part.state_dict().items()
    }


@pytest.fixture(scope="module", params=list(CONFIGS))
def models(official: ModuleType, request: pytest.FixtureRequest) -> tuple[nn.Module, nn.Module, Codec]:
    return pair(official, CONFIGS[request.param])


@pytest.mark.parametrize("samples", [-1, 0, 1, 303], ids="hop {:+}".format)
def test_codes_and_wav_are_its(models: tuple[nn.Module, nn.Module, Codec], samples: int) -> None:
    """A batch of two; whole, and in chunks of three frames."""
    encoder, decoder, ours = models
    wav = speech(1, batch=2, seed=3, sample_rate=16000)[..., 500 : 500 + ours.hop_length + samples]
    with torch.no_grad():
        latents = encoder(ours.pad(wav))
        quantized, theirs, _ = decoder(latents, vq=True)
        audio = decoder(quantized, vq=False)
        torch.testing.assert_close(ours.encoder(ours.pad(wav)), latents, rtol=0, atol=1e-5 * float(latents.abs().max()))
    expected = theirs.transpose(0, 1)
    for codes in (ours.encode(wav), ours.encode(wav, chunk=3)):
        assert count_near_ties(ours.quantizer, latents, codes, expected) == 0
    assert audio.std() > 0.01
    assert len(expected.unique()) > expected.numel() / 8
    for decoded in (ours.decode(expected), ours.decode(expected, chunk=3)):
        torch.testing.assert_close(decoded, audio, rtol=0, atol=1e-5)


def test_losses_and_gradients_are_its(official: ModuleType) -> None:
    encoder, decoder, ours = pair(official, CONFIGS["narrow"])
    wav = speech(0.2, batch=2, seed=5, sample_rate=16000)[..., :1200]
    for module in (encoder, decoder, ours):
        module.train()
    quantized, codes, (loss,) = decoder(encoder(wav), vq=True)
    audio, mine = decoder(quantized, vq=False), ours(wav)
    assert torch.equal(mine.quantized.codes, codes.transpose(0, 1))
    own_loss = mine.quantized.losses["codebook"] + 0.25 * mine.quantized.losses["commitment"]
    torch.testing.assert_close(own_loss, loss, rtol=1e-5, atol=1e-7)
    for output, asked in ((audio, loss), (mine.wav, own_loss)):
        ((output - wav).square().sum() + asked).backward()
    gradients = dict(ours.named_parameters())
    compared = 0
    theirs = {f"CodecEnc.{name}": parameter for name, parameter in encoder.named_parameters()}
    theirs |= {f"generator.{name}": parameter for name, parameter in decoder.named_parameters()}
    own_names = dict(zip(theirs, bigcodec.from_official(theirs), strict=True))
    for name, parameter in theirs.items():
        if not name.endswith(("weight_g", "weight_v")):
            own = gradients[own_names[name]].grad
            largest = float(parameter.grad.abs().max())
            torch.testing.assert_close(own, parameter.grad, rtol=0, atol=1e-4 * largest)
            compared += 1
    assert compared > 200


def test_filters_of_its_checkpoints_are_ours(official: ModuleType) -> None:
    """They are in the file, and are not read: the formula gives them."""
    encoder, decoder, ours = pair(official, CONFIGS["odd"])
    filters = [tensor for name, tensor in saved(encoder, decoder).items() if name.endswith("filter")]
    assert len(filters) == 2 * sum(isinstance(module, AntiAliased) for module in ours.modules())
    (taps,) = {tuple(module.taps.tolist()) for module in ours.modules() if isinstance(module, AntiAliased)}
    assert all(torch.equal(stored[0, 0], torch.tensor(taps)) for stored in filters)


def test_names_and_shapes_of_its_default_are_those_listed(official: ModuleType) -> None:
    """Where each goes is tested without it, in `tests/importing/test_bigcodec.py`."""
    with torch.device("meta"):
        theirs = saved(official.CodecEncoder(), official.CodecDecoder())
    lines = [f"{name} {','.join(map(str, tensor.shape))}" for name, tensor in theirs.items()]
    assert LISTED.read_text().splitlines() == lines
