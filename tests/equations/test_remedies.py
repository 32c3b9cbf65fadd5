"""What remedies do to codebooks of all sizes: who moves how far, and whether batches smaller than them suffice."""

from math import exp

import pytest
import torch
from torch import Tensor

from kvant.quantizers import EMACodebook, LearnedCodebook, VectorQuantizer
from kvant.quantizers.codebooks.tracked import usage_window
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.remedies import KMeansInit, OnlineClustering, ReviveDeadCodes

DIM = 8


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def batch(count: int, seed: int) -> Tensor:
    """Latents [1, d, n] of some structure: a mixture of 40 Gaussians of unequal weights."""
    generator = torch.Generator().manual_seed(seed)
    centres = 3 * noise(40, DIM, seed=999)
    chosen = torch.multinomial(torch.arange(1.0, 41), count, replacement=True, generator=generator)
    return (centres[chosen] + torch.randn(count, DIM, generator=generator)).T[None]


def perplexity(book: EMACodebook, count: int) -> float:
    """Of the codes of `count` new latents, as a share of the codebook."""
    counts = torch.bincount(book.search(batch(count, 10_000)[0].T), minlength=book.size).double()
    share = counts / counts.sum()
    return float((-(share * share.clamp(min=1e-20).log()).sum()).exp() / book.size)


class TestWindow:
    def test_it_is_twenty_steps_or_ten_latents_a_code(self) -> None:
        steps = [float(usage_window(size, torch.tensor(1200.0))) for size in (256, 1024, 2400, 4096, 16384)]
        assert steps == pytest.approx([20, 20, 20, 34.133, 136.533], abs=1e-3)

    @pytest.mark.parametrize(("window", "killed"), [("ours", 0.0), ("fixed", 0.01)])
    def test_codes_in_perfect_use_are_not_taken_for_dead(self, window: str, killed: float) -> None:
        """14 codes a latent, all equally likely: in a window of 20 steps some 3 % would be dead at any time."""
        size, count = 1024, 75
        book = LearnedCodebook(size, 1)
        usage = torch.ones(size)
        generator = torch.Generator().manual_seed(0)
        dead = []
        for _ in range(400):
            codes = torch.randint(size, (count,), generator=generator)
            book.update(torch.zeros(count, 1), codes)
            usage.lerp_(torch.bincount(codes, minlength=size) / count * size, 1 / 20)
            dead.append(float(((book.usage if window == "ours" else usage) < 0.1).float().mean()))
        assert (max(dead) <= 1e-3) if window == "ours" else (sum(dead[200:]) / 200 > killed)

    def test_no_latents_leave_usage_alone(self) -> None:
        book = LearnedCodebook(8, 1)
        book.update(torch.zeros(3, 1), torch.tensor([0, 0, 1]))
        before = book.usage.clone()
        book.update(torch.zeros(0, 1), torch.zeros(0, dtype=torch.int64))
        assert torch.equal(book.usage, before)


class TestKMeansInit:
    def test_enough_latents_start_it_at_once(self) -> None:
        book = EMACodebook(16, DIM)
        rows = batch(400, 1)[0].T
        KMeansInit()(book, rows)
        codes = book.search(rows)
        means = torch.stack([rows[codes == code].mean(0) for code in range(16)])
        assert (book.vectors - means).norm() < 0.2 * means.norm()

    def test_a_large_codebook_is_filled_over_successive_steps_with_other_latents(self) -> None:
        """A hundred codes from batches of 30: four steps, each code a latent of its own step, none twice."""
        book = EMACodebook(100, DIM)
        seen = [batch(30, seed)[0].T for seed in range(6)]
        for step, rows in enumerate(seen):
            before = book.vectors.clone()
            KMeansInit()(book, rows)
            changed = (book.vectors != before).any(dim=1).nonzero().squeeze(1).tolist()
            assert changed == list(range(30 * step, min(30 * step + 30, 100)))
            book.steps += 1
        distances = (book.vectors[:, None] - torch.cat(seen[:3])).norm(dim=-1)
        assert (distances[:90].amin(dim=1) < 1e-4).all()
        assert torch.pdist(book.vectors).min() > 0

    def test_after_the_warm_up_it_runs_again_and_then_never(self) -> None:
        book, rows = EMACodebook(16, DIM), batch(200, 1)[0].T
        moved = []
        for _ in range(20):
            before = book.vectors.clone()
            KMeansInit(warm_up=7)(book, rows + int(book.steps))
            moved.append(not torch.equal(before, book.vectors))
            book.steps += 1
        assert [step for step, was in enumerate(moved) if was] == [0, 7]

    def test_batches_of_any_size_fill_it_without_a_gap(self) -> None:
        """Where the last step ended the next goes on, whatever its number of latents; after the warm-up, too."""
        book = EMACodebook(256, DIM)
        for sizes in ((32, 128, 0, 7, 180, 50), (200,), (100, 1, 155, 10)):
            moved = []
            for count in sizes:
                before = book.vectors.clone()
                KMeansInit(warm_up=7)(book, batch(200, int(book.steps))[0].T[:count])
                moved += (book.vectors != before).any(dim=1).nonzero().squeeze(1).tolist()
                book.steps += 1
            assert moved == ([] if sizes == (200,) else list(range(256)))

    @pytest.mark.parametrize("warm_up", [0, 2])
    def test_vectors_that_were_loaded_are_not_started_anew(self, warm_up: int) -> None:
        """However few latents a step has."""
        book = EMACodebook(100, DIM)
        book.restore()
        assert int(book.steps) == 1
        before = book.vectors.clone()
        for seed in range(4):
            KMeansInit(warm_up=warm_up)(book, batch(1 + 29 * seed, seed)[0].T)
            book.steps += 1
        assert torch.equal(book.vectors, before)

    @pytest.mark.parametrize("steps", [0, 3])
    def test_a_state_that_does_not_say_how_many_were_set(self, steps: int) -> None:
        """As saved before codebooks counted them: those of a codebook that has trained are all set."""
        saved = EMACodebook(100, DIM)
        saved.steps.fill_(steps)
        book = EMACodebook(100, DIM)
        book.load_state_dict({name: tensor for name, tensor in saved.state_dict().items() if name != "started"})
        KMeansInit(warm_up=2)(book, batch(30, 0)[0].T)
        moved = (book.vectors != saved.vectors).any(dim=1).nonzero().squeeze(1).tolist()
        assert moved == ([] if steps else list(range(30)))


class TestOnlineClustering:
    def test_used_codes_stand_nearly_still_and_unused_ones_land_on_latents(self) -> None:
        book = EMACodebook(6, DIM)
        book.steps.fill_(5)
        book.usage.copy_(torch.tensor([1.0, 0.1, 0.01, 0.003, 1e-6, 0.0]))
        before, rows = book.vectors.clone(), 10 + noise(50, DIM, seed=1)
        OnlineClustering()(book, rows)
        assert torch.equal(book.vectors[:3], before[:3])
        assert torch.cdist(book.vectors[5:], rows).min() == 0
        along = (book.vectors[3] - before[3]).norm() / torch.cdist(before[3:4], rows)
        assert (along - exp(-3)).abs().min() < 1e-4
        assert torch.cdist(book.vectors[4:5], rows).min() < 0.1

    def test_a_move_leaves_usage_to_those_who_count_it(self) -> None:
        book = EMACodebook(6, DIM)
        book.steps.fill_(5)
        book.usage[2:] = 1e-4
        OnlineClustering()(book, noise(50, DIM, seed=1))
        torch.testing.assert_close(book.usage, torch.tensor([1, 1, 1e-4, 1e-4, 1e-4, 1e-4]))

    def test_no_two_codes_get_one_latent(self) -> None:
        """More codes to move than latents: the least used go first."""
        book = EMACodebook(20, DIM)
        book.steps.fill_(5)
        book.usage.copy_(torch.arange(20) * 1e-5)
        before, rows = book.vectors.clone(), noise(6, DIM, seed=1) + 5
        OnlineClustering()(book, rows)
        moved = (book.vectors != before).any(dim=1)
        assert moved.nonzero().squeeze(1).tolist() == [0, 1, 2, 3, 4, 5]
        assert sorted(torch.cdist(book.vectors[:6], rows).argmin(1).tolist()) == [0, 1, 2, 3, 4, 5]


def test_revival_gives_no_two_codes_one_latent() -> None:
    book = EMACodebook(20, DIM)
    book.steps.fill_(5)
    book.usage.copy_(torch.arange(20) * 1e-3)
    rows = noise(6, DIM, seed=1)
    ReviveDeadCodes()(book, rows)
    assert (book.usage == 1).nonzero().squeeze(1).tolist() == [0, 1, 2, 3, 4, 5]
    assert sorted(torch.cdist(book.vectors[:6], rows).argmin(1).tolist()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("remedies", "start", "alive"),
    [
        ((KMeansInit(), ReviveDeadCodes()), 0.0, True),
        ((KMeansInit(), OnlineClustering()), 0.0, True),
        ((ReviveDeadCodes(),), 50.0, True),
        ((OnlineClustering(),), 50.0, True),
        ((), 50.0, False),
    ],
    ids=["start and revive", "start and cluster", "revive what is dead", "cluster what is dead", "nothing"],
)
def test_codebooks_larger_than_their_batches_come_alive(remedies: tuple, start: float, alive: bool) -> None:
    """256 codes and 19 latents a step: the proportion of 16,384 and 1,200.

    Dead codes are revived after 2.3 windows of 135 steps and drawn in after 6.
    """
    torch.manual_seed(0)
    book = EMACodebook(256, DIM)
    book.replace(torch.ones(256, dtype=torch.bool), noise(256, DIM, seed=1) + start)
    quantizer = VectorQuantizer(book, straight_through, remedies).train()
    latents = batch(19 * 1500, 1).split(19, dim=-1)
    for step in range(1500 if start else 600):
        quantizer(latents[step])
    assert (perplexity(book, 50_000) > 0.5) == alive
