"""vector_quantize_pytorch's gradients: the same numbers, or where it computes something else, what.

Install it with `pip install 'kvant[peers]'`; without it these tests are skipped.
"""

from types import ModuleType

import pytest
import torch
from torch import Tensor

from kvant.protocols import GradientEstimator
from kvant.quantizers import LearnedCodebook, VectorQuantizer
from kvant.quantizers.gradients import (
    CategoricalStraightThrough,
    DiVeQ,
    Synchronized,
    categorical_straight_through,
    rotation_trick,
    straight_through,
)
from tests.peers.alike import assert_alike, drawn

SIZE, DIM = 16, 6


@pytest.fixture(scope="module")
def official() -> ModuleType:
    return pytest.importorskip("vector_quantize_pytorch.vector_quantize_pytorch")


def taken(gradient: GradientEstimator, z: Tensor, q: Tensor, upstream: Tensor) -> list[Tensor]:
    """Value, dL/dz and dL/dq (zero where none arrives), with the same noise at every call."""
    z, q = z.clone().requires_grad_(), q.clone().requires_grad_()
    torch.manual_seed(0)
    value = gradient(z, q)
    found = torch.autograd.grad(value, (z, q), upstream, allow_unused=True)
    return [value.detach(), *(torch.zeros_like(z) if slope is None else slope for slope in found)]


def test_straight_through(official: ModuleType) -> None:
    z, q, upstream = (drawn(40, DIM, seed=seed) for seed in range(3))
    theirs = taken(official.straight_through, z, q, upstream)
    for a, b in zip(taken(straight_through, z, q, upstream), theirs, strict=True):
        assert_alike(a, b)


def test_rotation_trick(official: ModuleType) -> None:
    """Latents long enough that neither our limit of the ratio, 10, nor its 1e-6 under norms comes into it."""
    z, q, upstream = (drawn(40, DIM, seed=seed) for seed in range(3))
    assert (q.norm(dim=-1) < 9 * z.norm(dim=-1)).all()
    ours, theirs = (taken(gradient, z, q, upstream) for gradient in (rotation_trick, official.rotate_to))
    assert_alike(ours[0], theirs[0])
    assert_alike(ours[1], theirs[1])


def test_rotation_trick_where_it_differs_the_vectors_and_latents_near_zero(official: ModuleType) -> None:
    """There the ratio of lengths grows without limit: a latent of 1e-3 gets a gradient a thousand times larger."""
    q, upstream = drawn(40, DIM, seed=1), drawn(40, DIM, seed=2)
    z = 1e-3 * drawn(40, DIM)
    ours, theirs = (taken(gradient, z, q, upstream) for gradient in (rotation_trick, official.rotate_to))
    gain = theirs[1].norm(dim=-1) / upstream.norm(dim=-1)
    torch.testing.assert_close(gain, q.norm(dim=-1) / z.norm(dim=-1), rtol=1e-3, atol=0)
    torch.testing.assert_close(ours[1].norm(dim=-1), 10 * upstream.norm(dim=-1))
    assert not ours[2].any()
    assert not theirs[2].any()


@pytest.mark.parametrize("sigma", [0.0, 0.05])
def test_diveq(official: ModuleType, sigma: float) -> None:
    """`noise_variance` is the square of our sigma; with one seed, the same noise."""
    z, q, upstream = (drawn(40, DIM, seed=seed) for seed in range(3))
    theirs = taken(lambda z, q: official.directional_reparam(z, q, sigma**2), z, q, upstream)
    for a, b in zip(taken(DiVeQ(sigma), z, q, upstream), theirs, strict=True):
        assert_alike(a, b)


def quantized_there(official: ModuleType, vectors: Tensor, **settings: object) -> torch.nn.Module:
    """Its whole quantizer, with these vectors."""
    layer = official.VectorQuantize(DIM, SIZE, learnable_codebook=True, ema_update=False, **settings).train()
    with torch.no_grad():
        layer._codebook.embed.copy_(vectors[None])
    return layer


@pytest.mark.parametrize("nu", [0.2, 1.0])
def test_synchronized_in_its_quantizer_reaches_no_vector(official: ModuleType, nu: float) -> None:
    """It adds nu (y - sg(y)) to y = z + sg(q - z), whose vectors are detached: (1 + nu) G for z and nothing for q.

    The update of Huh et al. is z + sg(q - z) + nu (q - sg(q)): G for z and nu G for q, as here.
    """
    vectors, latents, upstream = drawn(SIZE, DIM), drawn(2, 30, DIM, seed=1), drawn(2, 30, DIM, seed=2)
    theirs = quantized_there(official, vectors, rotation_trick=False, sync_update_v=nu)
    x = latents.clone().requires_grad_()
    value, codes, _ = theirs(x)
    of_x, of_vectors = torch.autograd.grad(value, (x, theirs._codebook.embed), upstream, allow_unused=True)
    assert of_vectors is None
    assert_alike(of_x, (1 + nu) * upstream)

    book = LearnedCodebook(SIZE, DIM)
    book.replace(torch.ones(SIZE, dtype=torch.bool), vectors)
    ours = VectorQuantizer(book, Synchronized(nu), remedies=()).train()
    x = latents.clone().requires_grad_()
    result = ours(x.transpose(1, 2))
    assert torch.equal(result.codes[:, 0], codes)
    assert_alike(result.latents.transpose(1, 2), value)
    of_x, of_vectors = torch.autograd.grad(result.latents, (x, book.weight), upstream.transpose(1, 2))
    assert_alike(of_x, upstream)
    expected = torch.zeros(SIZE, DIM).index_add_(0, codes.flatten(), nu * upstream.reshape(-1, DIM))
    assert_alike(of_vectors, expected)


@pytest.mark.parametrize(
    ("setting", "gradient"), [("rotation_trick", rotation_trick), ("directional_reparam", DiVeQ(0))]
)
def test_its_quantizer_with_our_estimator(official: ModuleType, setting: str, gradient: GradientEstimator) -> None:
    """Codes, values and gradients of the whole layer; DiVeQ there wants codes to be revived, so below 1e-9 of a use."""
    vectors, latents, upstream = drawn(SIZE, DIM), drawn(2, 30, DIM, seed=1), drawn(2, 30, DIM, seed=2)
    settings = {"directional_reparam_variance": 0.0, "threshold_ema_dead_code": 1e-9}
    theirs = quantized_there(official, vectors, **{setting: True}, **(settings if setting != "rotation_trick" else {}))
    x = latents.clone().requires_grad_()
    value, codes, _ = theirs(x)
    slopes = torch.autograd.grad(value, (x, theirs._codebook.embed), upstream, allow_unused=True)

    book = LearnedCodebook(SIZE, DIM)
    book.replace(torch.ones(SIZE, dtype=torch.bool), vectors)
    result = VectorQuantizer(book, gradient, remedies=()).train()(x.transpose(1, 2))
    assert torch.equal(result.codes[:, 0], codes)
    assert_alike(result.latents.transpose(1, 2), value)
    ours = torch.autograd.grad(result.latents, (x, book.weight), upstream.transpose(1, 2), allow_unused=True)
    for a, b in zip(ours, slopes, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert_alike(a, b.reshape(a.shape))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_sampling_with_straight_through(
    official: ModuleType, monkeypatch: pytest.MonkeyPatch, temperature: float
) -> None:
    """What it calls Gumbel straight-through has no noise in the gradient: the categorical straight-through estimator.

    Given its draws, the same value and the same gradient of logits and vectors.
    """
    logits, vectors, upstream = drawn(50, SIZE).requires_grad_(), drawn(SIZE, DIM, seed=1), drawn(50, DIM, seed=2)
    vectors.requires_grad_()
    torch.manual_seed(0)
    codes, one_hot = official.gumbel_sample(logits, temperature, stochastic=True, straight_through=True)
    theirs = one_hot @ vectors
    monkeypatch.setattr(categorical_straight_through, "draw", lambda p: codes)
    ours, _ = CategoricalStraightThrough(temperature)(logits, vectors)
    assert_alike(ours, theirs)
    for a, b in zip(*(torch.autograd.grad(y, (logits, vectors), upstream) for y in (ours, theirs)), strict=True):
        assert_alike(a, b)


def test_both_draw_as_softmax_says(official: ModuleType) -> None:
    """Its Gumbel-max and our running sum: frequencies of 50,000 draws, each within five standard errors."""
    logits, count, temperature = drawn(SIZE), 50_000, 0.7
    p = (logits / temperature).softmax(-1)
    torch.manual_seed(0)
    theirs, _ = official.gumbel_sample(logits.expand(count, SIZE), temperature, stochastic=True)
    _, ours = CategoricalStraightThrough(temperature)(logits.expand(count, SIZE), torch.eye(SIZE))
    for codes in (theirs, ours):
        share = torch.bincount(codes, minlength=SIZE) / count
        assert ((share - p).abs() <= 5 * (p * (1 - p) / count).sqrt()).all()


def test_sampling_in_its_quantizer_teaches_the_choice_nothing(official: ModuleType) -> None:
    """There the gradient through the choice is cut by the straight-through copy that follows: dz = G, whatever it drew.

    With `route_gradients_to_input=False`, it is the gradient of the choice by -|z - e|, which ours gives too. (Its EMA
    would move the vectors under the feet of the backward pass, which is why they are frozen here.)
    """
    vectors, latents, upstream = drawn(SIZE, DIM), drawn(1, 30, DIM, seed=1), drawn(1, 30, DIM, seed=2)
    settings = {"stochastic_sample_codes": True, "straight_through": True, "rotation_trick": False}
    slopes = []
    for routed in (True, False):
        layer = official.VectorQuantize(DIM, SIZE, **settings, route_gradients_to_input=routed).train()
        with torch.no_grad():
            layer._codebook.embed.copy_(vectors[None])
        x = latents.clone().requires_grad_()
        torch.manual_seed(0)
        value, codes, _ = layer(x, freeze_codebook=True)
        slopes.append(torch.autograd.grad(value, x, upstream)[0])
    assert_alike(slopes[0], upstream)
    x = latents.clone().requires_grad_()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(categorical_straight_through, "draw", lambda p: codes[0])
        ours, _ = CategoricalStraightThrough()(-torch.cdist(x[0], vectors), vectors)
    assert_alike(ours, value[0])
    assert_alike(torch.autograd.grad(ours, x, upstream[0])[0], slopes[1])
