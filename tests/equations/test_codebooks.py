"""How codebooks learn: running means, and gradient descent on the squared error, which are one thing near rest."""

import copy

import pytest
import torch
from torch import Tensor

from kvant.quantizers import EMACodebook, LearnedCodebook
from kvant.quantizers.codebooks.tracked import MIN_WINDOW

SIZE, DIM = 5, 3


def clusters(per_code: Tensor, spread: float = 0.1) -> tuple[Tensor, Tensor]:
    """Well separated clusters of per_code[k] points each: (centres [V, d], points [n, d]), double."""
    generator = torch.Generator().manual_seed(0)
    centres = 10 * torch.eye(len(per_code), DIM, dtype=torch.float64) - 10 * torch.arange(len(per_code))[:, None]
    codes = torch.repeat_interleave(torch.arange(len(per_code)), per_code)
    noise = torch.randn(len(codes), DIM, generator=generator, dtype=torch.float64)
    return centres, centres[codes] + spread * noise


def means_of(points: Tensor, codes: Tensor) -> Tensor:
    return torch.stack([points[codes == k].mean(0) for k in range(SIZE)])


def test_ema_on_a_fixed_batch_converges_to_the_cluster_means() -> None:
    centres, points = clusters(torch.tensor([40, 10, 25, 5, 60]))
    book = EMACodebook(SIZE, DIM, decay=0.9).double()
    book.replace(torch.ones(SIZE, dtype=torch.bool), centres + 1)
    for _ in range(400):
        book.update(points, book.search(points))
    torch.testing.assert_close(book.vectors, means_of(points, book.search(points)), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(book.counts, torch.tensor([40.0, 10, 25, 5, 60], dtype=torch.float64))


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.99])
def test_one_ema_step_from_steady_counts_is_a_gradient_step(decay: float) -> None:
    """With steady counts n = c, e' = (g c e + (1 - g) sum z) / c = e - (1 - g)(e - mean z).

    That is a step of size (1 - g) / 2 down each code's mean squared error, 1/c sum |e - z|^2, of slope 2 (e - mean z).
    """
    centres, points = clusters(torch.tensor([40, 10, 25, 5, 60]))
    book = EMACodebook(SIZE, DIM, decay).double()
    start = centres + torch.randn(SIZE, DIM, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    book.replace(torch.ones(SIZE, dtype=torch.bool), start)
    codes = book.search(points)
    book.counts.copy_(torch.bincount(codes, minlength=SIZE))
    book.sums.copy_(start * book.counts[:, None])
    book.update(points, codes)

    vectors = start.clone().requires_grad_()
    error = torch.stack([(vectors[k] - points[codes == k]).square().sum(-1).mean() for k in range(SIZE)]).sum()
    error.backward()
    torch.testing.assert_close(book.vectors, start - (1 - decay) / 2 * vectors.grad, rtol=1e-13, atol=1e-13)


def test_an_unused_ema_code_keeps_its_vector_for_ever() -> None:
    """Its count fades towards 0/0; the vector must not."""
    centres, points = clusters(torch.tensor([50, 50, 50, 50, 1]))
    book = EMACodebook(SIZE, DIM, decay=0.5)
    book.replace(torch.ones(SIZE, dtype=torch.bool), centres.float())
    living = points[:200].float()
    for _ in range(300):
        book.update(living, book.search(living))
    torch.testing.assert_close(book.vectors[4], centres[4].float(), rtol=1e-5, atol=0)
    newcomer = centres[4:].float() + 0.5
    for _ in range(3):
        book.update(torch.cat([living, newcomer]), torch.cat([book.search(living), torch.tensor([4])]))
    torch.testing.assert_close(book.vectors[4], newcomer[0], rtol=1e-3, atol=0)


def test_the_codebook_loss_moves_used_vectors_towards_their_means_and_no_other() -> None:
    """d/de_k of the mean over n latents and d dimensions of |e - z|^2 is 2 c_k / (n d) (e_k - mean z)."""
    centres, points = clusters(torch.tensor([40, 10, 25, 0, 0]))
    book = LearnedCodebook(SIZE, DIM).double()
    book.replace(torch.ones(SIZE, dtype=torch.bool), centres + 1)
    codes = book.search(points)
    book.losses(points, book.lookup(codes))["codebook"].backward()
    for code, count in enumerate((40, 10, 25)):
        expected = 2 * count / points.numel() * (book.weight[code] - points[codes == code].mean(0))
        torch.testing.assert_close(book.weight.grad[code], expected.detach())
    assert not book.weight.grad[3:].any()


@pytest.mark.parametrize(("decay", "stays"), [(0.0, True), (0.1, False)])
def test_unused_vectors_stay_put_without_weight_decay_only(decay: float, stays: bool) -> None:
    """Why the docstring asks for no weight decay on codebooks."""
    centres, points = clusters(torch.tensor([40, 10, 25, 0, 0]))
    book = LearnedCodebook(SIZE, DIM).double()
    book.replace(torch.ones(SIZE, dtype=torch.bool), centres + 1)
    optimizer = torch.optim.AdamW(book.parameters(), lr=0.01, weight_decay=decay)
    for _ in range(20):
        optimizer.zero_grad()
        book.losses(points, book.lookup(book.search(points)))["codebook"].backward()
        optimizer.step()
    assert torch.equal(book.weight[3:], (centres + 1)[3:]) == stays
    assert not torch.equal(book.weight[:3], (centres + 1)[:3])


def test_search_is_the_euclidean_nearest_and_the_lower_index_wins_a_tie() -> None:
    generator = torch.Generator().manual_seed(0)
    book = LearnedCodebook(64, 7)
    points = torch.randn(500, 7, generator=generator)
    distances = torch.cdist(points.double(), book.vectors.double())
    assert torch.equal(book.search(points), distances.argmin(-1))
    book.replace(torch.arange(64) % 2 == 1, book.vectors.detach()[0::2])
    assert (book.search(points) % 2 == 0).all()


def test_usage_is_a_running_share_with_one_for_uniform() -> None:
    """u <- g u + (1 - g) V c / n, whose mean over codes is always 1."""
    book = LearnedCodebook(SIZE, DIM)
    codes = torch.tensor([0, 0, 0, 1, 2, 2])
    book.update(torch.zeros(6, DIM), codes)
    share = torch.tensor([3, 1, 2, 0, 0]) / 6 * SIZE
    torch.testing.assert_close(book.usage, 1 + (share - 1) / MIN_WINDOW)
    for _ in range(300):
        book.update(torch.zeros(6, DIM), codes)
    torch.testing.assert_close(book.usage, share, rtol=1e-4, atol=1e-4)
    assert book.usage.mean() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", [EMACodebook, LearnedCodebook])
def test_a_search_knows_vectors_that_moved_however_they_did(kind: type[EMACodebook]) -> None:
    """What is kept of them from search to search (|v|^2 / 2) is theirs: in place, in copies and in other types."""
    generator = torch.Generator().manual_seed(0)
    book, points = kind(SIZE, DIM).eval(), torch.randn(200, DIM, generator=generator)

    def found(book: EMACodebook) -> None:
        expected = torch.cdist(points, book.vectors.detach().float(), compute_mode="donot_use_mm_for_euclid_dist")
        assert torch.equal(book.search(points.to(book.weight.dtype)), expected.argmin(1))

    found(book)
    copied = copy.deepcopy(book)
    for codebook, length in ((book, 0.2), (copied, 5.0)):
        for _ in range(2):
            with torch.no_grad():
                codebook.weight[:2] *= length
            found(codebook)
    book.load_state_dict(copied.state_dict())
    found(book)
    book.double().float()
    found(book)
    with torch.inference_mode():
        found(kind(SIZE, DIM).eval())
