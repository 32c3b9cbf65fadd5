"""Laws of codebooks and remedies: what is moved stays moved, and a rule means the same for any batch and size."""

from typing import Any

import pytest
import torch
from torch import Tensor

from kvant.errors import UsageError
from kvant.protocols import Codebook, Remedy
from kvant.quantizers import CODEBOOKS as LISTED_CODEBOOKS
from kvant.quantizers import VectorQuantizer
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.remedies import REMEDIES as LISTED_REMEDIES
from kvant.quantizers.remedies import KMeansInit, ReviveDeadCodes
from tests.laws.implementers import CODEBOOKS, REMEDIES

every_codebook = pytest.mark.parametrize("codebook", [k for k in LISTED_CODEBOOKS if k in CODEBOOKS and not k.frozen])
every_frozen = pytest.mark.parametrize("codebook", [k for k in LISTED_CODEBOOKS if k.frozen])
every_remedy = pytest.mark.parametrize("remedy", [k for k in LISTED_REMEDIES if k in REMEDIES])
SIZE, DIM = 24, 4


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def heard(count: int, seed: int) -> Tensor:
    """Latents [1, d, n] in the half of space where (1, ..., 1) is not."""
    latents = noise(1, DIM, count, seed=seed)
    return latents * -latents.sum(dim=1, keepdim=True).sign()


def with_dead_codes(codebook: type, dead: int) -> Codebook:
    """A codebook that has run for a step; its last `dead` codes have faded from use, far from all latents of `heard`.

    They lie in the direction of (1, ..., 1), latents on the other side: they are dead on a sphere, too.
    """
    torch.manual_seed(0)
    book = CODEBOOKS[codebook](SIZE, DIM)
    vectors = heard(SIZE, seed=1).squeeze(0).T.clone()
    vectors[SIZE - dead :] = 1000 + noise(dead, DIM, seed=1)
    book.replace(torch.ones(SIZE, dtype=torch.bool), vectors)
    book.steps.fill_(1)
    book.usage[SIZE - dead :] = 0
    return book


class Recording:
    """A remedy, and what it last put where."""

    def __init__(self, remedy: Remedy) -> None:
        self.remedy = remedy
        self.replaced: tuple[Tensor, Tensor] | None = None

    def __call__(self, codebook: Any, latents: Tensor) -> None:
        replace = codebook.replace

        def record(mask: Tensor, vectors: Tensor, *usage: Tensor) -> None:
            self.replaced = mask.clone(), vectors.clone()
            replace(mask, vectors, *usage)

        codebook.replace = record
        try:
            self.remedy(codebook, latents)
        finally:
            del codebook.replace


@every_codebook
@every_remedy
def test_what_a_remedy_moves_survives_the_step(codebook: type, remedy: type) -> None:
    """(Where statistics are not reset with the vectors, an average update puts the dead vectors back at once.)"""
    book = with_dead_codes(codebook, dead=7)
    if remedy is KMeansInit:
        book.steps.fill_(0)
    recording = Recording(REMEDIES[remedy]())
    quantizer = VectorQuantizer(book, straight_through, (recording,)).train()
    assert (book.vectors[SIZE - 7 :].sum(dim=1) > 0).all()
    quantizer(heard(400, seed=2))
    assert recording.replaced is not None
    mask, vectors = recording.replaced
    assert mask[SIZE - 7 :].all()
    moved = (book.vectors.detach()[mask] - book.admit(vectors)).norm(dim=1)
    assert (moved < 0.5).all(), "the step moved a replaced vector away again"
    for seed in range(3, 6):
        quantizer(heard(400, seed=seed))
    assert (book.vectors.sum(dim=1) < 0).all(), "a revived code drifted back to where it was dead"


@every_codebook
@pytest.mark.parametrize("training", [True, False])
def test_replace_keeps_vectors_and_statistics_together(codebook: type, training: bool) -> None:
    """The codes replaced count as average; the others, and a following search, know nothing of it."""
    book = with_dead_codes(codebook, dead=7)
    book.update(noise(300, DIM), book.search(noise(300, DIM)))
    book.train(training)
    mask = torch.zeros(SIZE, dtype=torch.bool)
    mask[[3, 20]] = True
    each = [name for name in ("vectors", *book.running) if getattr(book, name).ndim]
    kept = {name: getattr(book, name).detach().clone() for name in each}
    vectors = noise(2, DIM, seed=9) * 3
    book.replace(mask, vectors)
    torch.testing.assert_close(book.vectors[mask], book.admit(vectors))
    assert torch.equal(book.search(vectors), mask.nonzero().squeeze(1))
    assert (book.usage[mask] == 1).all()
    for name, tensor in kept.items():
        torch.testing.assert_close(getattr(book, name)[~mask], tensor[~mask], rtol=1e-5, atol=1e-5)
    book.replace(mask, vectors, torch.tensor([0.25, 0.5]))
    assert book.usage[mask].tolist() == [0.25, 0.5]


@every_frozen
def test_frozen_codebooks_refuse_by_name(codebook: type) -> None:
    book = CODEBOOKS[codebook](SIZE, DIM)
    before = {name: tensor.clone() for name, tensor in book.state_dict().items()}
    with pytest.raises(UsageError, match=f"{codebook.__name__} is frozen"):
        VectorQuantizer(book, straight_through, (KMeansInit(),)).train()(heard(100, seed=1))
    with pytest.raises(UsageError, match=f"{codebook.__name__} is frozen"):
        book.replace(torch.ones(SIZE, dtype=torch.bool), noise(SIZE, DIM))
    assert all(torch.equal(before[name], tensor) for name, tensor in book.state_dict().items())
    VectorQuantizer(book, straight_through, ()).train()(heard(100, seed=1))
    assert torch.equal(book.vectors, before["weight"])
    assert int(book.steps) == 1


@pytest.mark.parametrize("codebook", LISTED_CODEBOOKS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_statistics_stay_in_float32(codebook: type, dtype: torch.dtype) -> None:
    """A hundredth of a step is lost in half precision: 1 + 0.01 (1.2 - 1) is 1 there. Here nothing of it is."""
    torch.manual_seed(0)
    books = [CODEBOOKS[codebook](SIZE, DIM) for _ in range(2)]
    books[1].load_state_dict(books[0].state_dict())
    books[1].to(dtype)
    latents = noise(300, DIM)
    codes = books[0].search(latents)
    for _ in range(40):
        books[0].update(latents, codes)
        books[1].update(latents.to(dtype), codes)
    for name in books[0].running:
        assert getattr(books[1], name).dtype in (torch.float32, torch.int64)
        torch.testing.assert_close(getattr(books[1], name), getattr(books[0], name), rtol=1e-2, atol=0.1)
    torch.testing.assert_close(books[1].usage, books[0].usage)


@every_codebook
def test_a_dead_codebook_lives_after_one_revival_and_stays_alive(codebook: type) -> None:
    """All codes far away: after a revival every code wins latents, and none dies again."""
    book = with_dead_codes(codebook, dead=SIZE)
    quantizer = VectorQuantizer(book, straight_through, (ReviveDeadCodes(interval=1),)).train()
    quantizer(noise(1, DIM, 2000, seed=1))
    for seed in range(2, 60):
        assert (book.usage >= 0.1).all(), f"a code is dead before step {seed}"
        quantizer(noise(1, DIM, 2000, seed=seed))
    assert torch.bincount(book.search(noise(2000, DIM, seed=99)), minlength=SIZE).min() > 0


@pytest.mark.parametrize("batch", [480, 48_000])
@pytest.mark.parametrize("size", [24, 120])
def test_the_dead_code_rule_is_relative(batch: int, size: int) -> None:
    """Codes used at 5 % of the uniform rate die, codes used at 20 % live, for any batch and any codebook size."""
    book = LISTED_CODEBOOKS[0](size, DIM)
    share = torch.ones(size)
    share[0::4], share[1::4] = 0.05, 0.2
    share /= share.sum() / size
    counts = (share * batch / size).double()
    for step in range(400):
        due = ((step + 1) * counts).floor() - (step * counts).floor()
        codes = torch.repeat_interleave(torch.arange(size), due.long())
        book.update(torch.zeros(len(codes), DIM), codes)
    before = book.vectors.detach().clone()
    book.steps.fill_(5)
    ReviveDeadCodes()(book, noise(100, DIM))
    replaced = (book.vectors.detach() != before).any(dim=1)
    expected = torch.arange(size) % 4 == 0
    assert torch.equal(replaced, expected)


@every_codebook
def test_batches_smaller_than_the_codebook_revive_nobody_who_lives(codebook: type) -> None:
    """The trap of absolute rules: half as many latents as codes, every code equally likely."""
    size = 128
    book = CODEBOOKS[codebook](size, DIM)
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(size, DIM, generator=generator) * 10
    book.replace(torch.ones(size, dtype=torch.bool), centres)
    book.steps.fill_(1)
    recording = Recording(ReviveDeadCodes())
    quantizer = VectorQuantizer(book, straight_through, (recording,)).train()
    for _ in range(150):
        chosen = torch.randint(size, (size // 2,), generator=generator)
        quantizer(centres[chosen].T[None] + 0.01 * torch.randn(1, DIM, size // 2, generator=generator))
    assert recording.replaced is None
