"""EnCodec and DAC of transformers, weight for weight: the same codes, the same waveform.

`pip install --no-deps transformers` and what it asks for besides torch; without it these tests are skipped.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from kvant.codec import Codec
from kvant.codecs import CODECS, dac, encodec
from kvant.importing.filling import fill
from kvant.importing.published import PUBLISHED
from kvant.layers.seanet import SEANetConfig
from tests.near_ties import count_near_ties
from tests.speech import speech

transformers = pytest.importorskip("transformers")

STATISTICS = ("counts", "sums", "usage", "steps", "started")
SEANET = SEANetConfig(filters=8)
DAC_SIZES = {"encoder_channels": 4, "decoder_channels": 48, "codebook_size": 64, "codebook_dim": 4}
DAC_CONFIGS = {
    name: replace(dac.PUBLISHED[name].config, **DAC_SIZES, latent_dim=64)
    for name in ("dac-44khz", "dac-24khz", "dac-16khz")
}


@torch.no_grad()
def liven(model: nn.Module, loudest: float) -> None:
    """Rows of norms up to `loudest`, frequencies around 1: what weights after training are like."""
    generator = torch.Generator().manual_seed(1)
    for name, tensor in model.state_dict().items():
        gains = tensor.new_empty(len(tensor), *[1] * (tensor.dim() - 1))
        gains.uniform_(loudest / 3, loudest, generator=generator)
        if name.endswith("alpha"):
            tensor.uniform_(0.5, 2, generator=generator)
        elif name.endswith("weight.original0"):
            tensor.copy_(gains)
        elif name.endswith("bias"):
            tensor.normal_(0, 0.05, generator=generator)
        elif name.endswith(("codebook.embed", "codebook.weight")):
            tensor.normal_(generator=generator)
        elif name.endswith("weight"):
            tensor.normal_(generator=generator)
            tensor.mul_(gains / torch.linalg.vector_norm(tensor.flatten(1), dim=1).view_as(gains))


def transformers_encodec(config: encodec.Config) -> Any:
    seanet = config.seanet
    model = transformers.EncodecModel(
        transformers.EncodecConfig(
            num_filters=seanet.filters,
            upsampling_ratios=list(reversed(seanet.strides)),
            hidden_size=config.latent_dim,
            codebook_size=config.codebook_size,
        )
    )
    liven(model, 1.5)
    return model.eval()


def transformers_dac(config: dac.Config) -> Any:
    model = transformers.DacModel(
        transformers.DacConfig(
            encoder_hidden_size=config.encoder_channels,
            downsampling_ratios=list(config.strides),
            decoder_hidden_size=config.decoder_channels,
            n_codebooks=config.num_codebooks,
            codebook_size=config.codebook_size,
            codebook_dim=config.codebook_dim,
            sampling_rate=config.sample_rate,
        )
    )
    liven(model, 0.9)
    return model.eval()


def assert_same_codes(ours: Codec, wav: Tensor, codes: Tensor, theirs: Tensor) -> None:
    with torch.no_grad():
        latents = ours.encoder(ours.pad(wav))
    assert codes.shape == theirs.shape
    assert count_near_ties(ours.quantizer, latents, codes, theirs) <= codes[:, 0].numel() / 100


@pytest.fixture(scope="module")
def encodecs() -> tuple[Any, Codec]:
    """(theirs, ours)."""
    config = encodec.Config(seanet=SEANET, edges="mirror")
    theirs = transformers_encodec(config)
    return theirs, fill(replace(PUBLISHED["encodec-24khz"], config=config), theirs.state_dict())


@pytest.mark.parametrize(
    ("kbps", "levels", "length"),
    [(1.5, 2, 24 * 320), (3.0, 4, 7 * 320 + 3), (6.0, 8, 1), (6.0, 8, 319), (6.0, 8, 321), (24.0, 32, 24 * 320 + 5)],
)
def test_encodec_at_every_bandwidth_and_length(
    encodecs: tuple[Any, Codec], kbps: float, levels: int, length: int
) -> None:
    theirs, ours = encodecs
    wav = speech(0.5, batch=2)[..., :length]
    with torch.no_grad():
        made = theirs.encode(wav, bandwidth=kbps)
        decoded = theirs.decode(made.audio_codes, made.audio_scales, torch.ones_like(wav)).audio_values
    assert_same_codes(ours, wav, ours.encode(wav, levels), made.audio_codes[0])
    heard = ours.decode(made.audio_codes[0], length)
    assert heard.shape == decoded.shape == wav.shape
    assert decoded.square().mean() > 0.02**2
    assert (heard - decoded).abs().max() <= 1e-5 * max(1, decoded.abs().max())


@pytest.fixture(scope="module", params=list(DAC_CONFIGS))
def dacs(request: pytest.FixtureRequest) -> tuple[Any, Codec]:
    """(theirs, ours)."""
    config = DAC_CONFIGS[request.param]
    theirs = transformers_dac(config)
    return theirs, fill(replace(PUBLISHED[request.param], config=config), theirs.state_dict())


@pytest.mark.parametrize("levels", [1, 4, None])
@pytest.mark.parametrize("extra", [-1, 0, 3])
def test_dac_at_every_depth_and_length(dacs: tuple[Any, Codec], levels: int | None, extra: int) -> None:
    """Whole frames, to which their feature extractor pads; what odd strides do not compute is silent here."""
    theirs, ours = dacs
    wav = speech(0.5, batch=2, sample_rate=16000)[..., : 5 * ours.hop_length + extra]
    padded = ours.pad(wav)
    with torch.no_grad():
        made = theirs.encode(padded, levels)
        decoded = theirs.decode(audio_codes=made.audio_codes).audio_values
    assert_same_codes(ours, wav, ours.encode(wav, levels), made.audio_codes)
    heard = ours.decode(made.audio_codes)[:, 0]
    assert padded.shape[-1] - decoded.shape[-1] <= 8
    assert 0.02 < decoded.std() < 0.7
    torch.testing.assert_close(heard[:, : decoded.shape[-1]], decoded, rtol=0, atol=1e-5)
    assert not heard[:, decoded.shape[-1] :].any()


@pytest.mark.parametrize(
    ("name", "make"),
    [("encodec-24khz", transformers_encodec), ("dac-16khz", transformers_dac), ("dac-44khz", transformers_dac)],
)
def test_names_and_shapes_of_the_published_size(name: str, make: Callable[[Any], Any]) -> None:
    """On no device, so without weight norm's arithmetic: gains set aside, directions as weights."""
    release = PUBLISHED[name]
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{__name__}.liven", lambda model, loudest: None)
        state = make(release.config).state_dict()
        ours = {n: t.shape for n, t in CODECS[release.architecture][1](release.config).state_dict().items()}
    theirs = {
        name.replace("parametrizations.weight.original1", "weight"): tensor
        for name, tensor in state.items()
        if not name.endswith(("original0", "inited", "cluster_size", "embed_avg"))
    }
    converted = release.layout_of(state).convert(theirs)
    assert {n: t.shape for n, t in converted.items()} == {n: t for n, t in ours.items() if not n.endswith(STATISTICS)}
