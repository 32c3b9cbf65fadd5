"""Laws of relaxations: a choice among vectors, by their logits, that knows nothing else and has a gradient."""

import pytest
import torch
from torch import Tensor

from kvant.protocols import Relaxation
from kvant.quantizers import LearnedCodebook
from kvant.quantizers.relaxed import RelaxedQuantizer
from tests.laws.estimators import MIXTURES, RELAXED

every_relaxation = pytest.mark.parametrize("relaxation", RELAXED.values(), ids=RELAXED)
ROWS, SIZE, DIM = 9, 7, 4


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def chosen(relaxation: Relaxation, logits: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """What it gives, with the same noise at every call."""
    torch.manual_seed(0)
    return relaxation(logits, vectors)


def weights(relaxation: Relaxation, logits: Tensor) -> tuple[Tensor, Tensor]:
    """How much of each vector is in the value, [n, V], and the codes."""
    return chosen(relaxation, logits, torch.eye(logits.shape[1], dtype=logits.dtype))


@every_relaxation
def test_value_is_one_vector_or_a_mixture_led_by_its_code(relaxation: Relaxation) -> None:
    logits = drawn(ROWS, SIZE)
    shares, codes = weights(relaxation, logits)
    assert codes.dtype == torch.int64
    assert codes.shape == (ROWS,)
    assert (shares >= 0).all()
    torch.testing.assert_close(shares.sum(-1), torch.ones(ROWS, dtype=torch.float64))
    assert torch.equal(shares.argmax(-1), codes)
    one_hot = (shares == 1).any(-1)
    assert not one_hot.any() if relaxation in MIXTURES else one_hot.all()


@every_relaxation
def test_choice_is_by_logits_and_value_and_its_gradient_are_linear_in_the_vectors(relaxation: Relaxation) -> None:
    """y = W E with W of the logits alone, so that dL/dE = W^T G: the task teaches what it was given."""
    logits, vectors, upstream = drawn(ROWS, SIZE), drawn(SIZE, DIM, seed=1), drawn(ROWS, DIM, seed=2)
    shares, codes = weights(relaxation, logits)
    vectors.requires_grad_()
    value, same = chosen(relaxation, logits, vectors)
    assert torch.equal(codes, same)
    torch.testing.assert_close(value, shares @ vectors)
    (slope,) = torch.autograd.grad(value, vectors, upstream)
    torch.testing.assert_close(slope, shares.T @ upstream)


@every_relaxation
def test_gradient_of_logits_is_linear_and_knows_that_only_differences_count(relaxation: Relaxation) -> None:
    logits, vectors, upstream = drawn(ROWS, SIZE), drawn(SIZE, DIM, seed=1), drawn(ROWS, DIM, seed=2)
    logits.requires_grad_()
    value, codes = chosen(relaxation, logits, vectors)
    slope, twice = (torch.autograd.grad(value, logits, k * upstream, retain_graph=True)[0] for k in (1, 2))
    assert (slope.norm(dim=-1) > 1e-6).all()
    torch.testing.assert_close(slope.sum(-1), torch.zeros(ROWS, dtype=torch.float64))
    torch.testing.assert_close(twice, 2 * slope)
    shifted, same = chosen(relaxation, logits + drawn(ROWS, 1, seed=3), vectors)
    assert torch.equal(codes, same)
    torch.testing.assert_close(torch.autograd.grad(shifted, logits, upstream)[0], slope)


@every_relaxation
def test_each_row_is_treated_alone(relaxation: Relaxation) -> None:
    logits, vectors, upstream = drawn(ROWS, SIZE), drawn(SIZE, DIM, seed=1), drawn(ROWS, DIM, seed=2)
    results = []
    for changed in (logits, torch.cat([logits[:1], 3 * logits[1:] - 1])):
        changed = changed.clone().requires_grad_()
        value, codes = chosen(relaxation, changed, vectors)
        results.append((value[0], codes[0], torch.autograd.grad(value, changed, upstream)[0][0]))
    for before, after in zip(*results, strict=True):
        torch.testing.assert_close(before, after)


@every_relaxation
@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_overwhelming_logits_leave_no_choice_and_do_no_harm(relaxation: Relaxation, scale: float) -> None:
    logits = torch.full((ROWS, SIZE), -scale)
    best = torch.arange(ROWS) % SIZE
    logits[torch.arange(ROWS), best] = 0
    vectors = drawn(SIZE, DIM, seed=1).float()
    value, codes = chosen(relaxation, logits.requires_grad_(), vectors)
    assert torch.equal(codes, best)
    torch.testing.assert_close(value, vectors[best])
    (slope,) = torch.autograd.grad(value, logits, torch.ones_like(value))
    torch.testing.assert_close(slope, torch.zeros_like(logits))


@every_relaxation
def test_no_logit_stands_out_and_none_is_preferred(relaxation: Relaxation) -> None:
    """With equal logits the mean value over draws is the mean vector, to five standard errors."""
    vectors = drawn(SIZE, DIM, seed=1)
    value, _ = chosen(relaxation, torch.zeros(20_000, SIZE, dtype=torch.float64), vectors)
    error = 5 * vectors.std(0, correction=0) / 20_000**0.5
    assert ((value.mean(0) - vectors.mean(0)).abs() <= error).all()


@every_relaxation
class TestInAQuantizer:
    """RelaxedQuantizer with each of them."""

    def built(self, relaxation: Relaxation) -> RelaxedQuantizer:
        torch.manual_seed(0)
        return RelaxedQuantizer(LearnedCodebook(SIZE, DIM), relaxation, remedies=())

    def test_what_trains_is_relaxed(self, relaxation: Relaxation) -> None:
        """Of the logits -|z - e|^2, whether or not all codes share |z|^2; every latent and every vector learns."""
        quantizer, latents = self.built(relaxation).train(), drawn(3, DIM, 20).float().requires_grad_()
        vectors = quantizer.codebook.vectors
        torch.manual_seed(0)
        result = quantizer(latents)
        rows = latents.transpose(1, 2).reshape(-1, DIM)
        value, codes = chosen(relaxation, -torch.cdist(rows, vectors).square(), vectors)
        torch.testing.assert_close(result.latents.transpose(1, 2).reshape(-1, DIM), value, rtol=1e-4, atol=1e-4)
        assert torch.equal(result.codes, codes.reshape(3, 1, 20))
        (result.latents * drawn(3, DIM, 20, seed=2).float()).sum().backward()
        assert (latents.grad.norm(dim=1) > 0).all()
        assert (vectors.grad[codes.unique()].norm(dim=1) > 0).all()

    def test_what_is_used_is_the_nearest_vector(self, relaxation: Relaxation) -> None:
        """So is what is counted, and what latents are committed to."""
        quantizer, latents = self.built(relaxation), drawn(3, DIM, 20).float()
        codes, decoded = quantizer.encode(latents), quantizer.decode(quantizer.encode(latents))
        result = quantizer.train()(latents)
        torch.testing.assert_close(result.losses["commitment"], (latents - decoded).square().mean())
        share = torch.bincount(codes.flatten(), minlength=SIZE) / codes.numel() * SIZE
        torch.testing.assert_close(quantizer.codebook.usage, 0.95 + 0.05 * share)
        result = quantizer.eval()(latents)
        assert torch.equal(result.codes, codes)
        assert torch.equal(result.latents, decoded)
