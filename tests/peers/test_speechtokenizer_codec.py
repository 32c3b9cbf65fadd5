"""The official SpeechTokenizer, weight for weight: the same codes, the same waveform; and its distillation loss.

`pip install einops` and `pip install --no-deps speechtokenizer`; without them these tests are skipped. Its package
imports its trainer, which needs much more, so that others stand before both.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.codec import Codec
from kvant.codecs import centred_names, speechtokenizer
from kvant.importing.filling import fill
from kvant.layers.seanet import SEANetConfig
from kvant.losses import SemanticDistillationLoss
from tests.near_ties import count_near_ties
from tests.peers.training_steps import assert_same_gradients, assert_same_statistics, same_statistics
from tests.speech import speech

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")

LISTED = Path(__file__).parents[1] / "importing" / "fixtures" / "speechtokenizer_names.txt"
RELEASE = speechtokenizer.PUBLISHED["speechtokenizer"]
HOP = 320
SMALL = replace(RELEASE.config, latent_dim=24, num_codebooks=4, codebook_size=64, seanet=SEANetConfig(filters=4))


@pytest.fixture(scope="module")
def official() -> Iterator[Any]:
    """Imports a module of the package."""
    pytest.importorskip("einops")
    found = importlib.util.find_spec("speechtokenizer")
    if found is None or found.origin is None:
        pytest.skip("speechtokenizer is not installed")
    folder = Path(found.origin).parent
    before = {"speechtokenizer": folder, "speechtokenizer.trainer": folder / "trainer"}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("torchaudio", "matplotlib", "matplotlib.pylab"):
            patch.setitem(sys.modules, name, ModuleType(name))
        sys.modules["matplotlib"].pylab = sys.modules["matplotlib.pylab"]  # type: ignore[attr-defined]
        for name, path in before.items():
            package = ModuleType(name)
            package.__path__ = [str(path)]
            patch.setitem(sys.modules, name, package)
        yield lambda name: importlib.import_module(f"speechtokenizer.{name}")
        for name in [name for name in sys.modules if name.startswith("speechtokenizer.")]:
            del sys.modules[name]


def described(config: speechtokenizer.Config) -> dict[str, Any]:
    """Their description of a model, as in its config.json."""
    return {
        "sample_rate": config.sample_rate,
        "n_filters": config.seanet.filters,
        "strides": list(reversed(config.seanet.strides)),
        "dimension": config.latent_dim,
        "semantic_dimension": 768,
        "lstm_layers": config.lstm_layers,
        "bidirectional": True,
        "dilation_base": 2,
        "residual_kernel_size": config.seanet.residual_kernel_size,
        "n_residual_layers": 1,
        "activation": "ELU",
        "n_q": config.num_codebooks,
        "codebook_size": config.codebook_size,
    }


def made(official: Any) -> tuple[Any, Codec]:
    """(theirs, ours) with the same weights, the codebooks where the residuals are."""
    torch.manual_seed(0)
    theirs = official("model").SpeechTokenizer(described(SMALL)).eval()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if name.endswith("weight_g"):
                parameter.mul_(2)
        residual = theirs.encoder(speech(1.0, batch=4, seed=3, sample_rate=16000)).transpose(1, 2).flatten(0, 1)
        for level in theirs.quantizer.vq.layers:
            book = level._codebook
            rows = residual[torch.randint(len(residual), (book.codebook_size,))]
            book.embed.copy_(0.3 * rows + 0.03 * residual.std() * torch.randn_like(rows))
            residual = residual - book.decode(book.encode(residual))
    return theirs, fill(replace(RELEASE, config=SMALL), theirs.state_dict())


@pytest.fixture(scope="module")
def models(official: Any) -> tuple[Any, Codec]:
    return made(official)


@pytest.fixture(scope="module")
def speech_of_two() -> Tensor:
    return speech(0.5, batch=2, seed=3, sample_rate=16000)


@pytest.mark.parametrize("length", [1, HOP - 1, HOP, HOP + 1, 4 * HOP + 3, 11 * HOP])
def test_codes_and_wav_are_its(models: tuple[Any, Codec], speech_of_two: Tensor, length: int) -> None:
    """Its codes are [K, B, T], and its output is as long as whole hops. Ours in chunks of three frames, too."""
    theirs, ours = models
    wav = speech_of_two[..., 500 : 500 + length]
    for k in (1, 3, 4):
        with torch.no_grad():
            expected = theirs.encode(wav, n_q=k)
            audio, latents = theirs.decode(expected), theirs.encoder(wav)
        assert expected.shape == (k, 2, -(-length // HOP))
        expected = expected.transpose(0, 1)
        codes = ours.encode(wav, k)
        assert count_near_ties(ours.quantizer, latents, codes, expected) == 0
        assert torch.equal(ours.encode(wav, k, chunk=3), codes)
        assert audio.std() > 1e-3
        for chunk in (None, 3):
            decoded = ours.decode(expected, chunk=chunk)
            assert decoded.shape == audio.shape
            assert (decoded - audio).abs().max() <= 1e-5 * audio.abs().max()


def test_names_and_shapes_of_its_default_are_those_listed(official: Any) -> None:
    """Where each goes is tested without it, in `tests/importing/test_speechtokenizer.py`."""
    with torch.device("meta"):
        state = official("model").SpeechTokenizer(described(RELEASE.config)).state_dict()
    lines = [f"{name} {','.join(map(str, tensor.shape))}" for name, tensor in state.items()]
    assert LISTED.read_text().splitlines() == lines


def test_distillation_is_its(official: Any) -> None:
    """Of features [B, T, D] there, one of them two frames longer."""
    generator = torch.Generator().manual_seed(0)
    estimate, reference = (torch.randn(3, 20 + more, 8, generator=generator) for more in (0, 2))
    reference[:, :20] += estimate
    estimate.requires_grad_()
    expected = official("trainer.loss").d_axis_distill_loss(estimate, reference)
    loss = SemanticDistillationLoss()(estimate.transpose(1, 2), reference.transpose(1, 2))
    torch.testing.assert_close(loss, expected)
    for mine, its in zip(torch.autograd.grad(loss, estimate), torch.autograd.grad(expected, estimate), strict=True):
        torch.testing.assert_close(mine, its)


def trained(ours: Codec, wav: Tensor, num_codebooks: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """(wav, commitment, latents of the first level) in training, as the page has it."""
    latents = ours.encoder(ours.pad(wav))
    semantic = ours.quantizer.eval()(latents, 1).latents
    quantized = ours.quantizer.train()(latents, num_codebooks)
    return ours.decoder(quantized.latents), quantized.losses["commitment"], semantic


@pytest.mark.parametrize("levels", [1, 4])
def test_a_step_of_training_is_its(official: Any, levels: int) -> None:
    """Waveform, commitment, what the teacher hears, how codebooks move; and all gradients.

    That of the commitment is its for one level: of further ones the encoder hears nothing there. And a mean over the
    levels in use there is one over all levels here.
    """
    theirs, ours = made(official)
    books = [level._codebook for level in theirs.quantizer.vq.layers]
    same_statistics(ours.quantizer.codebooks, books)
    project = nn.Conv1d(SMALL.latent_dim, 768, 1)
    project.load_state_dict({"weight": theirs.transform.weight[..., None], "bias": theirs.transform.bias})
    wav, other = (speech(0.4, batch=2, seed=5, sample_rate=16000)[..., : 16 * HOP].requires_grad_() for _ in range(2))
    expected, penalty, feature = theirs.train()(other, n_q=levels)
    heard, commitment, semantic = trained(ours.train(), wav, levels)
    taught = project(semantic)
    torch.testing.assert_close(heard, expected, rtol=0, atol=1e-5 * float(expected.detach().abs().max()))
    torch.testing.assert_close(commitment * SMALL.num_codebooks / levels, penalty)
    torch.testing.assert_close(taught.transpose(1, 2), feature)
    assert_same_statistics(ours.quantizer.codebooks, books)

    teacher = torch.randn(2, 16, 768, generator=torch.Generator().manual_seed(0))
    distill = official("trainer.loss").d_axis_distill_loss
    commits = (500 * commitment, 500 * penalty / SMALL.num_codebooks) if levels == 1 else (0, 0)
    (F.l1_loss(heard, wav.detach()) + distill(taught.transpose(1, 2), teacher) + commits[0]).backward()
    (F.l1_loss(expected, wav.detach()) + distill(feature, teacher) + commits[1]).backward()
    assert wav.grad is not None
    assert other.grad is not None
    torch.testing.assert_close(wav.grad, other.grad, rtol=0, atol=1e-4 * float(other.grad.abs().max()))
    torch.testing.assert_close(project.bias.grad, theirs.transform.bias.grad)
    del theirs.transform
    assert_same_gradients(theirs, ours, centred_names.from_official)
