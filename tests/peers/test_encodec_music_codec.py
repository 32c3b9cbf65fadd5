"""The 32 kHz EnCodec of transformers, and of the official package's classes: the same codes, the same waveform.

How to install them is said in `test_transformers_codecs.py` and `test_encodec.py`; without them tests are skipped.
"""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from kvant.codec import Codec
from kvant.codecs import encodec_music
from kvant.importing.filling import fill
from tests.near_ties import count_near_ties
from tests.peers import stand_ins
from tests.speech import speech

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
HOP = 640
RELEASE = encodec_music.PUBLISHED["encodec-32khz"]
SMALL = replace(RELEASE.config, codebook_size=64, seanet=replace(RELEASE.config.seanet, filters=8))
LENGTHS = [1, 3, HOP - 1, HOP, HOP + 1, 4 * HOP + 3, 11 * HOP, 12 * HOP - 5]


@torch.no_grad()
def awake(model: Any, books: list[nn.Module]) -> Any:
    """The model with louder weights than at first, and each codebook where its residuals are."""
    for name, parameter in model.named_parameters():
        if name.endswith(("weight_g", "original0")):
            parameter.mul_(1.7)
    residual = model.encoder(speech(2.0, batch=4, seed=3)).transpose(1, 2).flatten(0, 1)
    for book in books:
        rows = residual[torch.randint(len(residual), (len(book.embed),))]
        book.embed.copy_(0.3 * rows + 0.03 * residual.std() * torch.randn_like(rows))
        residual = residual - book.embed[torch.cdist(residual, book.embed).argmin(1)]
    return model.eval()


def kbps(config: encodec_music.Config) -> float:
    """What asks the packages for all levels."""
    return config.num_codebooks * 50 * (config.codebook_size.bit_length() - 1) / 1000


def of_transformers(config: encodec_music.Config) -> Any:
    """A model as facebook/encodec_32khz describes it, of other sizes."""
    transformers = pytest.importorskip("transformers")
    return transformers.EncodecModel(
        transformers.EncodecConfig(
            target_bandwidths=[kbps(config)],
            sampling_rate=config.sample_rate,
            hidden_size=config.latent_dim,
            num_filters=config.seanet.filters,
            upsampling_ratios=list(reversed(config.seanet.strides)),
            codebook_size=config.codebook_size,
            use_causal_conv=False,
            use_conv_shortcut=False,
            pad_mode={"mirror": "reflect", "silence": "constant"}[config.edges],
        )
    )


def of_the_package(config: encodec_music.Config) -> Any:
    """The same of the official package's classes, as audiocraft has them."""
    official = stand_ins.encodec("model")
    sizes = {"n_filters": config.seanet.filters, "ratios": list(reversed(config.seanet.strides))}
    edges = {"causal": False, "true_skip": True, "pad_mode": {"mirror": "reflect", "silence": "constant"}[config.edges]}
    return official.EncodecModel(
        official.m.SEANetEncoder(dimension=config.latent_dim, **sizes, **edges),
        official.m.SEANetDecoder(dimension=config.latent_dim, **sizes, **edges),
        official.qt.ResidualVectorQuantizer(config.latent_dim, config.num_codebooks, config.codebook_size),
        target_bandwidths=[kbps(config)],
        sample_rate=config.sample_rate,
        channels=1,
    )


@torch.no_grad()
def same(ours: Codec, wav: Tensor, latents: Tensor, expected: Tensor, reference: Tensor) -> None:
    """Codes without a near tie, the waveform of the same codes within 1e-5 of its peak; whole and in chunks."""
    codes = ours.encode(wav)
    assert codes.shape == expected.shape == (len(wav), ours.num_codebooks, -(-wav.shape[-1] // HOP))
    assert count_near_ties(ours.quantizer, latents, codes, expected) == 0
    assert torch.equal(ours.encode(wav, chunk=3), codes)
    assert reference.std() > 1e-3
    for chunk in (None, 3):
        heard = ours.decode(expected, wav.shape[-1], chunk)
        assert heard.shape == wav.shape
        assert (heard - reference[..., : wav.shape[-1]]).abs().max() <= 1e-5 * reference.abs().max()


PAIRS = [(package, edges) for package in ("transformers", "encodec") for edges in ("mirror", "silence")]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def pair(request: pytest.FixtureRequest) -> tuple[Codec, Any]:
    """(ours, theirs), filled with the same random weights."""
    package, edges = request.param
    torch.manual_seed(0)
    config = replace(SMALL, edges=edges)
    if package == "transformers":
        theirs = of_transformers(config)
        awake(theirs, [level.codebook for level in theirs.quantizer.layers])
    else:
        theirs = of_the_package(config)
        awake(theirs, [level._codebook for level in theirs.quantizer.vq.layers])
    return fill(replace(RELEASE, config=config), theirs.state_dict()), theirs


@pytest.mark.parametrize("length", LENGTHS)
def test_same_codes_and_waveform(pair: tuple[Codec, Any], length: int) -> None:
    ours, theirs = pair
    wav = speech(0.5, batch=2, sample_rate=32000)[..., :length]
    with torch.no_grad():
        if type(theirs).__module__.startswith("transformers"):
            made = theirs.encode(wav, bandwidth=kbps(SMALL))
            expected, reference = made.audio_codes[0], theirs.decode(made.audio_codes, made.audio_scales).audio_values
        else:
            ((expected, _),) = theirs.encode(wav)
            reference = theirs.decode([(expected, None)])
        latents = theirs.encoder(wav)
    same(ours, wav, latents, expected, reference)


def test_the_published_size() -> None:
    """Names and shapes, on no device; and how many weights there are."""
    with torch.device("meta"):
        state = of_transformers(RELEASE.config).state_dict()
        ours = encodec_music.build(RELEASE.config)
    theirs = {
        name.replace("parametrizations.weight.original1", "weight"): tensor
        for name, tensor in state.items()
        if not name.endswith(("original0", "inited", "cluster_size", "embed_avg"))
    }
    converted = RELEASE.layout_of(state).convert(theirs)
    own = {
        n: t.shape
        for n, t in ours.state_dict().items()
        if not n.endswith(("counts", "sums", "usage", "steps", "started"))
    }
    assert {name: tensor.shape for name, tensor in converted.items()} == own
    assert kbps(RELEASE.config) == 2.2
    assert round(sum(parameter.numel() for parameter in ours.parameters()) / 1e6, 1) == 56.9
