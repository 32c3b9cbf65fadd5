"""Codebooks whose vectors are a function of what is learned: who moves whom, and what is left of it for inference."""

import pytest
import torch
from torch import Tensor

from kvant.errors import UsageError
from kvant.quantizers.codebooks import (
    AffineCodebook,
    BridgedCodebook,
    LearnedCodebook,
    NormalizedCodebook,
    NormalizedEMACodebook,
    RandomProjectionCodebook,
    SimVQCodebook,
)
from kvant.quantizers.codebooks.normalized import unit
from kvant.quantizers.codebooks.parametrized import ParametrizedCodebook
from tests.laws.books import CODEBOOKS

SIZE, DIM = 20, 4
PARAMETRIZED = [kind for kind in CODEBOOKS if issubclass(kind, ParametrizedCodebook)]
every_kind = pytest.mark.parametrize("kind", PARAMETRIZED, ids=lambda kind: kind.__name__)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def built(kind: type) -> ParametrizedCodebook:
    torch.manual_seed(0)
    return CODEBOOKS[kind](SIZE, DIM)


def step(book: ParametrizedCodebook, latents: Tensor, rate: float = 0.1) -> None:
    """One gradient step on the codebook loss."""
    book.zero_grad()
    book.losses(latents, book.lookup(book.search(latents)))["codebook"].backward()
    with torch.no_grad():
        for parameter in book.parameters():
            parameter -= rate * parameter.grad


@pytest.mark.parametrize(
    ("kind", "moved"),
    [
        (LearnedCodebook, 1),
        (NormalizedCodebook, 1),
        (SimVQCodebook, SIZE),
        (AffineCodebook, SIZE),
        (BridgedCodebook, SIZE),
    ],
)
def test_how_many_codes_one_latent_moves(kind: type, moved: int) -> None:
    book = built(kind)
    before = book.vectors.detach().clone()
    step(book, noise(1, DIM, seed=1))
    assert int((book.vectors.detach() != before).any(dim=1).sum()) == moved


def test_simvq_learns_its_matrix_by_the_chain_rule() -> None:
    """E = C W: dL/dW = C^T dL/dE, and a step of W moves all of E by -rate C C^T dL/dE."""
    book = built(SimVQCodebook)
    latents = noise(50, DIM, seed=1)
    vectors = book.vectors.detach().clone().requires_grad_()
    (vectors[book.search(latents)] - latents).square().mean().backward()
    step(book, latents, rate=0.3)
    torch.testing.assert_close(book.transform.grad, book.anchors.T @ vectors.grad)
    moved = vectors.detach() - 0.3 * book.anchors @ book.anchors.T @ vectors.grad
    torch.testing.assert_close(book.vectors.detach(), moved)
    assert not book.anchors.requires_grad


def test_a_latent_that_hits_a_singular_matrix_gets_the_nearest_vector_within_reach() -> None:
    book = built(SimVQCodebook)
    with torch.no_grad():
        book.transform[0] = 0
        book.transform[:, 0] = 0
    wanted = noise(1, DIM, seed=1)
    book.replace(torch.arange(SIZE) == 3, wanted)
    torch.testing.assert_close(book.vectors[3, 1:], wanted[0, 1:])
    assert book.vectors[3, 0] == 0


def test_affine_scale_and_shift_move_at_their_own_rate() -> None:
    """Adam's first step has the size of the learning rate; r times that for b, and r times that in log s."""
    book = AffineCodebook(SIZE, DIM, rate=10.0)
    optimizer = torch.optim.Adam(book.parameters(), lr=1e-3, eps=1e-15)
    centred = book.centred.detach().clone()
    latents = noise(400, DIM, seed=1) + 5
    book.losses(latents, book.lookup(book.search(latents)))["codebook"].backward()
    optimizer.step()
    torch.testing.assert_close(10 * book.shift.detach(), torch.full((DIM,), 0.01), rtol=1e-4, atol=0)
    torch.testing.assert_close((10 * book.log_scale).exp().log().abs(), torch.full((DIM,), 0.01), rtol=1e-4, atol=0)
    step_of_points = (book.centred.detach() - centred).abs()
    torch.testing.assert_close(step_of_points.max(), torch.tensor(1e-3), rtol=1e-3, atol=0)
    torch.testing.assert_close(book.vectors, book.centred * (10 * book.log_scale).exp() + 10 * book.shift)


@pytest.mark.parametrize("kind", [NormalizedCodebook, NormalizedEMACodebook], ids=lambda kind: kind.__name__)
def test_on_the_sphere_the_nearest_is_that_of_the_greatest_cosine(kind: type) -> None:
    book = CODEBOOKS[kind](200, DIM)
    latents = 3 * noise(500, DIM, seed=1)
    torch.testing.assert_close(book.vectors.norm(dim=1), torch.ones(200))
    cosines = torch.cosine_similarity(latents[:, None].double(), book.vectors[None].double(), dim=-1)
    assert torch.equal(book.search(latents), cosines.argmax(-1))


def test_the_gradient_of_a_unit_vector_is_tangent() -> None:
    book = built(NormalizedCodebook)
    latents = noise(300, DIM, seed=1)
    book.losses(latents, book.lookup(book.search(latents)))["codebook"].backward()
    assert book.directions.grad.norm() > 0.01
    assert ((book.directions.grad * book.directions).sum(-1).abs() < 1e-6).all()


def test_spherical_means_are_the_directions_of_greatest_mean_cosine() -> None:
    """The sum of unit latents, whatever their lengths: no other direction of 2000 has a greater mean cosine."""
    book = NormalizedEMACodebook(1, DIM, decay=0.5)
    latents = (noise(100, DIM, seed=1) + 1) * noise(100, 1, seed=2).exp()
    for _ in range(60):
        book.update(latents, book.search(latents))
    torch.testing.assert_close(book.vectors[0], unit(unit(latents).sum(0)))
    others = unit(noise(2000, DIM, seed=3))
    assert (unit(latents) @ book.vectors[0]).mean() >= (unit(latents) @ others.T).mean(0).max()


def test_what_has_no_direction_is_still_on_the_sphere() -> None:
    book = built(NormalizedCodebook)
    book.replace(torch.arange(SIZE) < 2, torch.zeros(2, DIM))
    assert book.vectors[0].tolist() == [1, 0, 0, 0]
    book.losses(noise(300, DIM), book.lookup(book.search(noise(300, DIM))))["codebook"].backward()
    assert book.directions.grad.isfinite().all()


def test_the_bridge_starts_at_the_identity_and_is_the_network_after() -> None:
    torch.manual_seed(0)
    book = BridgedCodebook(SIZE, DIM, group=3, width=8, heads=2)
    assert torch.equal(book.vectors, book.seeds)
    for seed in range(5):
        step(book, noise(100, DIM, seed=seed))
    assert not book.offsets.any()
    assert (book.vectors - book.seeds).norm() > 0.01
    expected = book.bridge(book.seeds).detach()
    book.eval()
    torch.testing.assert_close(book.vectors, expected, rtol=1e-6, atol=1e-6)


def test_the_bridge_keeps_offsets_of_moved_codes_alone() -> None:
    """A k-means start needs none; a later move needs them, and leaves the other vectors where they are."""
    torch.manual_seed(0)
    book = BridgedCodebook(SIZE, DIM, group=3, width=8, heads=2)
    centres = noise(SIZE, DIM, seed=1)
    book.replace(torch.ones(SIZE, dtype=torch.bool), centres)
    assert torch.equal(book.vectors, centres)
    assert not book.offsets.any()
    for seed in range(5):
        step(book, noise(100, DIM, seed=seed))
    before = book.vectors.detach().clone()
    book.replace(torch.arange(SIZE) == 7, torch.full((1, DIM), 2.0))
    torch.testing.assert_close(book.vectors[7], torch.full((DIM,), 2.0))
    torch.testing.assert_close(book.vectors[:7], before[:7])
    torch.testing.assert_close(book.vectors, book.bridge(book.seeds) + book.offsets)


@every_kind
class TestBaking:
    def test_baked_vectors_are_those_of_training(self, kind: type) -> None:
        book = built(kind)
        step(book, noise(100, DIM, seed=1))
        learned = book.vectors.detach().clone()
        codes = book.search(noise(100, DIM, seed=2))
        book.eval()
        torch.testing.assert_close(book.vectors, learned, rtol=1e-6, atol=1e-6)
        assert torch.equal(book.search(noise(100, DIM, seed=2)), codes)
        assert book.vectors is book.weight

    def test_evaluation_computes_them_once(self, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
        book = built(kind)
        step(book, noise(100, DIM, seed=1))
        calls = []
        express = book.express
        monkeypatch.setattr(book, "express", lambda: calls.append(1) or express())
        book.eval()
        for seed in range(5):
            book.lookup(book.search(noise(10, DIM, seed=seed)))
        assert len(calls) == 1

    def test_parameters_that_move_in_evaluation_are_baked_anew(self, kind: type) -> None:
        """As averages of weights do."""
        book, other = built(kind), built(kind)
        for seed in range(3):
            step(other, noise(100, DIM, seed=seed))
        book.eval().vectors  # noqa: B018
        with torch.no_grad():
            for mean, weight in zip(book.parameters(), other.parameters()):
                mean.lerp_(weight, 0.5)
        torch.testing.assert_close(book.vectors, book.express())
        book.load_state_dict(other.state_dict())
        torch.testing.assert_close(book.vectors, other.vectors.detach())

    def test_a_state_saved_in_training_holds_the_vectors(self, kind: type) -> None:
        book = built(kind)
        step(book, noise(100, DIM, seed=1))
        torch.testing.assert_close(book.state_dict()["weight"], book.vectors.detach())
        assert {"weight", *book.statistics} == set(book.state_dict())

    def test_a_codebook_made_from_its_vectors_alone_is_the_same_and_learns_on(self, kind: type) -> None:
        """What a model file keeps, rounded to float16: not rounded again, nor normalized again."""
        book = built(kind)
        step(book, noise(100, DIM, seed=1))
        kept = book.state_dict()["weight"].half().float()
        other = CODEBOOKS[kind](SIZE, DIM)
        other.load_state_dict({"weight": kept}, strict=False)
        other.restore()
        other.eval()
        assert torch.equal(other.vectors, kept)
        assert torch.equal(other.eval().vectors, kept)
        other.train()
        torch.testing.assert_close(other.vectors.detach(), kept, rtol=1e-3, atol=1e-3)
        step(other, noise(100, DIM, seed=2))
        assert (other.vectors - kept).norm() > 1e-3


class TestRandomProjection:
    def test_codes_are_those_of_the_paper(self) -> None:
        """argmin_k |norm(A z) - c_k|, with A and c recovered from the vectors: they span the subspace."""
        book = RandomProjectionCodebook(64, 10, rank=3)
        _, spread, axes = torch.linalg.svd(book.vectors.double(), full_matrices=False)
        assert (spread[3:] < 1e-5).all()
        projection = axes[:3]
        codes = book.vectors.double() @ projection.T
        torch.testing.assert_close(codes.norm(dim=1), torch.ones(64, dtype=torch.float64), rtol=1e-6, atol=1e-6)
        latents = 4 * noise(500, 10, seed=1)
        projected = unit(latents.double() @ projection.T)
        assert torch.equal(book.search(latents), torch.cdist(projected, codes).argmin(-1))
        torch.testing.assert_close(codes @ torch.linalg.pinv(projection).T, book.vectors.double())

    def test_a_seed_says_all(self) -> None:
        torch.manual_seed(1)
        first = RandomProjectionCodebook(64, 10, rank=3, seed=5)
        torch.manual_seed(2)
        second, other = (RandomProjectionCodebook(64, 10, rank=3, seed=seed) for seed in (5, 6))
        latents = noise(300, 10)
        assert torch.equal(first.search(latents), second.search(latents))
        assert not torch.equal(first.search(latents), other.search(latents))

    def test_no_more_rank_than_dimensions(self) -> None:
        with pytest.raises(UsageError, match="rank=5"):
            RandomProjectionCodebook(64, 4, rank=5)
