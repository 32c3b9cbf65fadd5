"""Laws of quantizers: one answer by every road, prefixes decode, every level teaches the encoder, masked is absent."""

import pytest
import torch
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.protocols import Codebook, GradientEstimator, Penalty, Quantizer, Remedy
from kvant.quantizers import CODEBOOKS, LearnedCodebook, ResidualQuantizer
from kvant.quantizers import QUANTIZERS as LISTED
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.relaxed import RelaxedQuantizer
from tests.laws.estimators import ESTIMATORS, TEACHERS
from tests.laws.implementers import CODEBOOKS as CODEBOOK_BUILDERS
from tests.laws.implementers import QUANTIZERS, REMEDIES

SIZE, DIM, BATCH, FRAMES = 32, 6, 5, 40
every_quantizer = pytest.mark.parametrize("kind", [k for k in LISTED if k in QUANTIZERS], ids=lambda k: k.__name__)
every_codebook = pytest.mark.parametrize("codebook", [k for k in CODEBOOKS if k in CODEBOOK_BUILDERS])
every_pair = pytest.mark.parametrize(
    ("codebook", "gradient"),
    [
        pytest.param(book, gradient, id=f"{book.__name__}-{name}")
        for book in CODEBOOKS
        for name, gradient in ESTIMATORS.items()
        if book in CODEBOOK_BUILDERS and (book is LearnedCodebook or gradient is straight_through)
    ],
)
"""Codebooks and gradient estimators know nothing of each other: each of them once, not each with each."""


def built(
    kind: type,
    codebook: type,
    gradient: GradientEstimator = straight_through,
    remedies: tuple[Remedy, ...] = (),
    penalties: tuple[Penalty, ...] = (),
) -> nn.Module:
    """A quantizer with random vectors, each level half the size of the one before."""
    torch.manual_seed(0)
    quantizer = QUANTIZERS[kind](lambda: CODEBOOK_BUILDERS[codebook](SIZE, DIM), gradient, remedies, penalties)
    for level, book in enumerate(codebooks_of(quantizer)):
        if not book.frozen:
            book.replace(torch.ones(SIZE, dtype=torch.bool), torch.randn(SIZE, DIM) * 0.5**level)
    return quantizer


def codebooks_of(quantizer: nn.Module) -> list:
    """The parts of a quantizer that own vectors."""
    return [part for part in quantizer.modules() if type(part) in CODEBOOKS]


def latents_of(seed: int = 1) -> Tensor:
    return torch.randn(BATCH, DIM, FRAMES, generator=torch.Generator().manual_seed(seed))


def commitment_of_level(quantizer: Quantizer, latents: Tensor, level: int) -> Tensor:
    """What level `level` adds to the commitment loss."""
    with_it = quantizer.forward(latents, level + 1).losses["commitment"]
    return with_it - quantizer.forward(latents, level).losses["commitment"] if level else with_it


@every_quantizer
@every_pair
class TestOneAnswer:
    """forward, encode and decode tell the same story."""

    def test_forward_chooses_the_codes_of_encode(self, kind: type, codebook: type, gradient: GradientEstimator) -> None:
        quantizer = built(kind, codebook, gradient).eval()
        latents = latents_of()
        assert torch.equal(quantizer(latents).codes, quantizer.encode(latents))

    def test_every_prefix_decodes_to_what_forward_gave(
        self, kind: type, codebook: type, gradient: GradientEstimator
    ) -> None:
        quantizer = built(kind, codebook, gradient).eval()
        latents = latents_of()
        codes = quantizer.encode(latents)
        for k in range(1, codes.shape[1] + 1):
            assert torch.equal(quantizer.encode(latents, k), codes[:, :k])
            torch.testing.assert_close(quantizer.decode(codes[:, :k]), quantizer(latents, k).latents)

    def test_an_encoder_learns_through_a_quantizer_in_evaluation(
        self, kind: type, codebook: type, gradient: GradientEstimator
    ) -> None:
        """The value is then that of decoding, to the bit."""
        quantizer = built(kind, codebook, gradient).eval()
        latents = latents_of().requires_grad_()
        result = quantizer(latents, 1)
        assert torch.equal(result.latents, quantizer.decode(result.codes))
        (result.latents * latents_of(2)).sum().backward()
        assert (latents.grad.abs().amax(dim=1) > 0).all()

    def test_codes_are_in_their_codebooks_and_decoding_is_idempotent(
        self, kind: type, codebook: type, gradient: GradientEstimator
    ) -> None:
        """One level's vectors are their own nearest vectors."""
        quantizer = built(kind, codebook, gradient).eval()
        codes = quantizer.encode(latents_of())
        sizes = torch.tensor(quantizer.codebook_sizes)[None, :, None]
        assert codes.dtype == torch.int64
        assert codes.shape == (BATCH, len(quantizer.codebook_sizes), FRAMES)
        assert ((codes >= 0) & (codes < sizes)).all()
        first = codes[:, :1]
        assert torch.equal(quantizer.encode(quantizer.decode(first), 1), first)


@every_quantizer
@every_pair
class TestGradient:
    """Nothing is cut between what is lost and what can learn."""

    def test_gradient_of_the_latents_reaches_the_encoder_at_every_depth(
        self, kind: type, codebook: type, gradient: GradientEstimator
    ) -> None:
        quantizer = built(kind, codebook, gradient)
        for k in range(1, len(quantizer.codebook_sizes) + 1):
            latents = latents_of().requires_grad_()
            (quantizer(latents, k).latents * latents_of(2)).sum().backward()
            assert latents.grad is not None
            assert (latents.grad.abs().amax(dim=1) > 0).all(), "some frame gets no gradient"

    def test_commitment_of_every_level_reaches_the_encoder(
        self, kind: type, codebook: type, gradient: GradientEstimator
    ) -> None:
        """With value |r - q|^2 / K on average, its slope at z is 2 (r - q) / K on average: not zero at any level."""
        quantizer = built(kind, codebook, gradient).eval()
        levels = len(quantizer.codebook_sizes)
        for level in range(levels):
            latents = latents_of().requires_grad_()
            commitment = commitment_of_level(quantizer, latents, level)
            commitment.backward()
            residual = (latents - quantizer.decode(quantizer.encode(latents, level + 1))).detach()
            torch.testing.assert_close(commitment.detach(), residual.square().mean() / levels)
            torch.testing.assert_close(latents.grad, 2 * residual / residual.numel() / levels)

    def test_vectors_learn_from_their_codebook_loss_and_from_the_task_only_where_it_teaches(
        self, kind: type, codebook: type, gradient: GradientEstimator
    ) -> None:
        quantizer = built(kind, codebook, gradient)
        result = quantizer(latents_of().requires_grad_())
        (result.latents.sum() + result.losses["commitment"]).backward(retain_graph=True)
        taught = gradient in TEACHERS or kind is RelaxedQuantizer
        assert all((p.grad is not None and bool(p.grad.any())) == taught for p in quantizer.parameters())
        if "codebook" in result.losses:
            result.losses["codebook"].backward()
            assert all(parameter.grad.any() for parameter in quantizer.parameters())


@every_quantizer
@every_codebook
def test_statistics_move_in_training_only(kind: type, codebook: type) -> None:
    quantizer = built(kind, codebook).eval()
    before = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}
    quantizer(latents_of())
    assert all(torch.equal(before[name], tensor) for name, tensor in quantizer.state_dict().items())
    quantizer.train()(latents_of())
    assert all(int(book.steps) == 1 and not (book.usage == 1).all() for book in codebooks_of(quantizer))


@every_quantizer
@every_codebook
def test_encoding_moves_nothing_even_in_training_mode(kind: type, codebook: type) -> None:
    quantizer = built(kind, codebook).train()
    before = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}
    quantizer.decode(quantizer.encode(latents_of()))
    assert all(torch.equal(before[name], tensor) for name, tensor in quantizer.state_dict().items())


@every_codebook
def test_levels_may_have_codebooks_of_different_sizes(codebook: type) -> None:
    torch.manual_seed(0)
    books = [CODEBOOK_BUILDERS[codebook](size, DIM) for size in (32, 10, 7)]
    quantizer = ResidualQuantizer(books, straight_through, ()).eval()
    latents = latents_of()
    assert quantizer.codebook_sizes == (32, 10, 7)
    torch.testing.assert_close(quantizer.decode(quantizer.encode(latents)), quantizer(latents).latents)


@every_quantizer
@every_codebook
class TestMask:
    """num_codebooks [B] (level dropout): a level that an item does not use asks nothing of it, but learns from it."""

    DEPTHS = torch.tensor([1, 2, 4, 0, 3])

    def test_statistics_are_those_of_full_depth(self, kind: type, codebook: type) -> None:
        masked, whole = built(kind, codebook).train(), built(kind, codebook).train()
        latents, depths = latents_of(), self.DEPTHS.clamp(max=len(masked.codebook_sizes))
        masked(latents, depths)
        whole(latents)
        torch.testing.assert_close(masked.state_dict(), whole.state_dict())

    def test_losses_and_their_gradients_weigh_each_level_by_its_users(self, kind: type, codebook: type) -> None:
        quantizer = built(kind, codebook).eval()
        levels = len(quantizer.codebook_sizes)
        latents, depths = latents_of().requires_grad_(), self.DEPTHS.clamp(max=levels)
        expected = torch.zeros(())
        for level in range(levels):
            users = depths > level
            expected = expected + users.float().mean() * commitment_of_level(quantizer, latents[users], level)
        commitment = quantizer(latents, depths).losses["commitment"]
        torch.testing.assert_close(commitment, expected)
        slopes = [torch.autograd.grad(loss, latents)[0] for loss in (commitment, expected)]
        torch.testing.assert_close(*slopes, rtol=1e-5, atol=1e-8)

    def test_remedies_see_the_residuals_of_all_items(self, kind: type, codebook: type) -> None:
        seen = []
        quantizer = built(kind, codebook, remedies=(lambda _, residuals: seen.append(residuals.clone()),)).train()
        before = built(kind, codebook).eval()
        levels = len(quantizer.codebook_sizes)
        latents, depths = latents_of(), self.DEPTHS.clamp(max=levels)
        quantizer(latents, depths)
        codes = before.encode(latents)
        for level in range(levels):
            residual = latents - before.decode(codes[:, :level]) if level else latents
            torch.testing.assert_close(seen[level], residual.transpose(1, 2).reshape(-1, DIM))

    def test_a_level_beyond_the_depth_of_the_whole_batch_stands_still(self, kind: type, codebook: type) -> None:
        remedies = () if codebook.frozen else tuple(build() for build in REMEDIES.values())
        quantizer = built(kind, codebook, remedies=remedies).train()
        before = [{n: t.clone() for n, t in book.state_dict().items()} for book in codebooks_of(quantizer)]
        quantizer(latents_of(), 1)
        for book, old in list(zip(codebooks_of(quantizer), before))[1:]:
            assert all(torch.equal(tensor, old[name]) for name, tensor in book.state_dict().items())

    def test_latents_are_of_each_items_own_depth(self, kind: type, codebook: type) -> None:
        quantizer = built(kind, codebook).eval()
        latents, depths = latents_of(), self.DEPTHS.clamp(max=len(quantizer.codebook_sizes))
        result = quantizer(latents, depths)
        for item, depth in enumerate(depths.tolist()):
            one = latents[item : item + 1]
            alone = quantizer(one, depth).latents if depth else torch.zeros_like(one)
            torch.testing.assert_close(result.latents[item : item + 1], alone)
        assert torch.equal(result.codes, quantizer.encode(latents))

    def test_an_item_of_depth_0_gets_no_gradient(self, kind: type, codebook: type) -> None:
        quantizer = built(kind, codebook).train()
        latents = latents_of().requires_grad_()
        result = quantizer(latents, self.DEPTHS.clamp(max=len(quantizer.codebook_sizes)))
        (result.latents.sum() + result.losses["commitment"]).backward()
        idle = self.DEPTHS == 0
        assert not latents.grad[idle].any()
        assert (latents.grad[~idle].abs().amax(dim=1) > 0).all()


def mean_square(_: Codebook, latents: Tensor) -> dict[str, Tensor]:
    """A penalty that asks for small latents."""
    return {"mean_square": latents.square().mean()}


@every_quantizer
@every_codebook
class TestPenalties:
    """Named losses of what reaches each level, mean over levels, in training, asked of the items that use it."""

    def test_they_join_the_losses_in_training_only(self, kind: type, codebook: type) -> None:
        quantizer = built(kind, codebook, penalties=(mean_square,))
        levels = len(quantizer.codebook_sizes)
        latents, depths = latents_of().requires_grad_(), TestMask.DEPTHS.clamp(max=levels)
        codes = quantizer.eval().encode(latents)
        assert "mean_square" not in quantizer(latents).losses
        penalty = quantizer.train()(latents, depths).losses["mean_square"]
        slope = torch.autograd.grad(penalty, latents)[0]
        expected, expected_slope = torch.zeros(()), torch.zeros_like(latents)
        reference = built(kind, codebook).eval()
        for level in range(levels):
            residual = latents - (reference.decode(codes[:, :level]) if level else 0)
            expected = expected + residual.square().mean() / levels
            users = (depths > level)[:, None, None]
            expected_slope = expected_slope + users * 2 * residual / latents.numel() / levels
        torch.testing.assert_close(penalty, expected)
        torch.testing.assert_close(slope, expected_slope, rtol=1e-5, atol=1e-8)


@every_quantizer
@every_codebook
@pytest.mark.parametrize("asked", [0, -1, 9])
def test_levels_that_are_not_there_are_refused(kind: type, codebook: type, asked: int) -> None:
    quantizer = built(kind, codebook)
    for use in (quantizer, quantizer.encode):
        with pytest.raises(UsageError, match=f"num_codebooks={asked}"):
            use(latents_of(), asked)
