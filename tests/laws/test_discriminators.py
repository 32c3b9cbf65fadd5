"""Laws of discriminators: gradient reaches the wav, silence and short wavs are judged, items of a batch are alone."""

import pytest
import torch
from torch import Tensor

from kvant.discriminators import DISCRIMINATORS as LISTED
from kvant.losses import HingeLoss
from kvant.protocols import Discriminator
from tests.laws.implementers import DISCRIMINATORS
from tests.speech import speech

every_discriminator = pytest.mark.parametrize("discriminator", [kind for kind in LISTED if kind in DISCRIMINATORS])


def built(kind: type) -> Discriminator:
    torch.manual_seed(0)
    return DISCRIMINATORS[kind]()


@pytest.fixture(scope="module")
def wav() -> Tensor:
    return speech(0.1, batch=2)


@every_discriminator
def test_gradient_of_every_score_and_feature_reaches_the_wav(discriminator: type, wav: Tensor) -> None:
    """And does so through the last activation as through the first."""
    judge = built(discriminator)
    heard = wav.clone().requires_grad_()
    for judgement in judge(heard):
        for output in (judgement.score, *judgement.features):
            (slope,) = torch.autograd.grad(output.square().sum(), heard, retain_graph=True)
            assert torch.isfinite(slope).all()
            assert slope.flatten(1).norm(dim=1).min() > 0


@every_discriminator
def test_items_of_a_batch_are_judged_alone(discriminator: type, wav: Tensor) -> None:
    judge = built(discriminator)
    for together, alone in zip(judge(wav), judge(wav[1:])):
        for x, y in zip((together.score, *together.features), (alone.score, *alone.features)):
            torch.testing.assert_close(x[1:], y, rtol=1e-4, atol=1e-5)


@every_discriminator
@pytest.mark.parametrize("length", [1, 10, 100, 999, 1000])
@pytest.mark.parametrize("level", [0.0, 1e-6, 1.0])
def test_silence_and_short_wavs_are_judged(discriminator: type, length: int, level: float) -> None:
    """Shorter than any window, period or stride; values and slopes are finite in silence."""
    wav = (level * torch.randn(1, 1, length, generator=torch.Generator().manual_seed(0))).requires_grad_()
    judgements = built(discriminator)(wav)
    total = torch.stack([judgement.score.square().mean() for judgement in judgements]).sum()
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(wav.grad).all()
    assert all(judgement.score.numel() > 0 for judgement in judgements)


@every_discriminator
def test_a_few_steps_tell_speech_from_noise(discriminator: type) -> None:
    """What a discriminator is for: after some steps of a hinge loss, unheard speech scores above unheard noise."""
    judge = built(discriminator)
    optimizer = torch.optim.Adam(judge.parameters(), lr=1e-2, betas=(0.5, 0.9))
    hinge = HingeLoss()

    def pair(seed: int) -> tuple[Tensor, Tensor]:
        real = speech(0.05, batch=3, seed=seed)
        noise = torch.randn(real.shape, generator=torch.Generator().manual_seed(seed))
        return real, noise * real.std()

    for step in range(12):
        optimizer.zero_grad()
        hinge.discriminator(*(judge(x) for x in pair(step))).backward()
        optimizer.step()
    with torch.no_grad():
        real, fake = (judge(x) for x in pair(1000))
    assert all(r.score.mean() > f.score.mean() + 0.05 for r, f in zip(real, fake))
