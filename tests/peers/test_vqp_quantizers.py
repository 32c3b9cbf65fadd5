"""vector_quantize_pytorch's quantizers: the same numbers, or where it computes something else, what.

Install it with `pip install 'kvant[peers]'`; without it these tests are skipped.
"""

from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from kvant.protocols import GradientEstimator
from kvant.quantizers import (
    BinarySphericalQuantizer,
    EMACodebook,
    FiniteScalarQuantizer,
    GroupedQuantizer,
    LookupFreeQuantizer,
    ResidualQuantizer,
    residual_scalar,
)
from kvant.quantizers.gradients import UniformNoise, rotation_trick, straight_through
from tests.peers.alike import assert_alike, drawn

LEVELS, SIZE, DIM = 4, 16, 6


@pytest.fixture(scope="module")
def official() -> ModuleType:
    return pytest.importorskip("vector_quantize_pytorch")


def slope_of(quantized: Tensor, latents: Tensor) -> Tensor:
    """Gradient at `latents` of a weighted sum of `quantized`, both [B, T, D]."""
    weights = drawn(*quantized.shape, seed=9)
    return torch.autograd.grad((quantized * weights).sum(), latents)[0]


def residual(dim: int = DIM, gradient: GradientEstimator = straight_through, seed: int = 0) -> ResidualQuantizer:
    torch.manual_seed(seed)
    books = [EMACodebook(SIZE, dim) for _ in range(LEVELS)]
    for level, book in enumerate(books):
        book.replace(torch.ones(SIZE, dtype=torch.bool), 0.7**level * book.vectors.clone())
    return ResidualQuantizer(books, gradient, ())


def given(theirs: nn.Module, ours: ResidualQuantizer) -> nn.Module:
    """Their ResidualVQ, with our vectors."""
    for layer, book in zip(theirs.layers, ours.codebooks):
        layer._codebook.embed.data.copy_(book.vectors[None])
        layer._codebook.embed_avg.data.copy_(book.vectors[None])
    return theirs


class TestResidual:
    def theirs(self, official: ModuleType, ours: ResidualQuantizer, **settings: object) -> nn.Module:
        theirs = official.ResidualVQ(dim=DIM, num_quantizers=LEVELS, codebook_size=SIZE, decay=0.99, **settings)
        return given(theirs, ours)

    def test_codes_values_and_commitment(self, official: ModuleType) -> None:
        ours = residual()
        theirs = self.theirs(official, ours, rotation_trick=False).train()
        latents = drawn(3, 20, DIM)
        quantized, codes, losses = theirs(latents)
        result = ours.train()(latents.transpose(1, 2))
        assert torch.equal(result.codes.transpose(1, 2), codes)
        assert_alike(result.latents.transpose(1, 2), quantized)
        assert_alike(result.losses["commitment"], losses.mean())
        for layer, book in zip(theirs.layers, ours.codebooks):
            assert_alike(book.counts, layer._codebook.cluster_size[0])
            assert_alike(book.sums, layer._codebook.embed_avg[0])

    def test_their_straight_through_gradient_is_ours_times_the_levels(self, official: ModuleType) -> None:
        """Every level of theirs copies the gradient to its residual, which is the latents less a constant: K times I.

        Ours is copied once, to the latents: d sum / d z = I, whatever the depth.
        """
        ours = residual()
        theirs = self.theirs(official, ours, rotation_trick=False).train()
        latents = drawn(3, 20, DIM).requires_grad_()
        gradient = slope_of(ours.train()(latents.transpose(1, 2)).latents.transpose(1, 2), latents)
        assert_alike(gradient, drawn(3, 20, DIM, seed=9))
        assert_alike(LEVELS * gradient, slope_of(theirs(latents)[0], latents))

    def test_their_rotation_is_of_every_level_and_ours_of_the_sum(self, official: ModuleType) -> None:
        """Theirs is the sum over levels of |q_k|/|r_k| R_k, ours |q|/|z| R: one level each are the same."""
        ours = residual(gradient=rotation_trick)
        theirs = self.theirs(official, ours, rotation_trick=True).train()
        latents = (3 * drawn(3, 20, DIM)).requires_grad_()
        values, expected, left = [], torch.zeros_like(latents), latents
        for codes, book in zip(ours.encode(latents.transpose(1, 2)).unbind(1), ours.codebooks):
            values.append(book.lookup(codes))
            expected = expected + slope_of(rotation_trick(left, values[-1]), latents)
            left = left - values[-1]
        total = slope_of(rotation_trick(latents, sum(values)), latents)
        torch.testing.assert_close(slope_of(theirs(latents)[0], latents), expected, rtol=1e-4, atol=1e-4)
        assert_alike(slope_of(ours.train()(latents.transpose(1, 2)).latents.transpose(1, 2), latents), total)

    @pytest.mark.parametrize("beam", [2, 8])
    def test_beams(self, official: ModuleType, beam: int) -> None:
        """By the same sums, but theirs adds up |r_k|^2 of all levels where ours has the last one alone.

        What is left in the end is the error; what was left on the way is not. So theirs is no nearer.
        """
        ours = residual().eval()
        theirs = self.theirs(official, ours, beam_size=beam).eval()
        latents = drawn(20, 50, DIM)
        found = ours.search(latents.transpose(1, 2), None, beam)
        errors = [(latents - ours.decode(codes).transpose(1, 2)).square().mean()
                  for codes in (found, theirs(latents)[1].transpose(1, 2))]  # fmt: skip
        assert errors[0] <= errors[1]

    def test_groups(self, official: ModuleType) -> None:
        """The same groups; theirs keeps codes [G, B, T, K], ours one axis, level-major."""
        parts = [residual(DIM // 2, seed=seed) for seed in range(2)]
        theirs = official.GroupedResidualVQ(
            dim=DIM, groups=2, num_quantizers=LEVELS, codebook_size=SIZE, rotation_trick=False
        ).eval()
        for rvq, part in zip(theirs.rvqs, parts):
            given(rvq, part)
        latents = drawn(3, 20, DIM)
        quantized, codes, _ = theirs(latents)
        result = GroupedQuantizer(parts).eval()(latents.transpose(1, 2))
        assert torch.equal(result.codes.unflatten(1, (LEVELS, 2)).permute(2, 0, 3, 1), codes)
        assert_alike(result.latents.transpose(1, 2), quantized)


class TestScalar:
    @pytest.mark.parametrize("levels", [[8, 5, 5, 5], [7, 6, 6], [3, 4]], ids=str)
    def test_fsq(self, official: ModuleType, levels: list[int]) -> None:
        ours, theirs = FiniteScalarQuantizer(levels), official.FSQ(levels)
        latents = (2 * drawn(3, 40, len(levels))).requires_grad_()
        result, (quantized, codes) = ours(latents.transpose(1, 2)), theirs(latents)
        assert torch.equal(result.codes[:, 0], codes.long())
        assert_alike(result.latents.transpose(1, 2), quantized)
        assert_alike(slope_of(result.latents.transpose(1, 2), latents), slope_of(quantized, latents))
        every = torch.arange(ours.codebook_sizes[0])[None]
        assert_alike(ours.decode(every[:, None]).transpose(1, 2), theirs.indices_to_codes(every))

    def test_their_noise_is_added_to_rounded_values_whatever_the_step(self, official: ModuleType) -> None:
        """U(-1/2, 1/2) in value, two steps wide for five levels, at every second place whatever the probability asked.

        (It draws with `bernoulli_()`, which does not look at its tensor.) Ours replaces rounding, and is a step wide.
        """
        theirs = official.FSQ([5], preserve_symmetry=True, noise_dropout=1.0).train()
        ours = FiniteScalarQuantizer([5], UniformNoise()).train()
        torch.manual_seed(0)
        latents = torch.zeros(1, 20_000, 1)
        noise = [theirs(latents)[0].detach(), ours(latents.transpose(1, 2)).latents]
        assert [round(float((each != 0).float().mean()), 1) for each in noise] == [0.5, 1.0]
        widths = [each[each != 0].std() * 12**0.5 for each in noise]
        torch.testing.assert_close(torch.stack(widths), torch.tensor([1.0, 0.5]), rtol=0.03, atol=0)

    @pytest.mark.parametrize("levels", [[8, 5, 5], [2, 3], [4, 4]], ids=str)
    def test_residual_fsq(self, official: ModuleType, levels: list[int]) -> None:
        """Theirs spans L / (L - 1) where ours spans 1: the same codes, and values once inputs and outputs are scaled.

        And its gradient is copied at every level, as in its ResidualVQ, unless the level clamps its residual, as it
        does in half of the outermost cells: so it varies from nothing to K times the slope of tanh. Ours is that slope.
        """
        span = torch.tensor(levels) / (torch.tensor(levels) - 1.0)
        ours = residual_scalar(levels, 3).train()
        theirs = official.ResidualFSQ(levels=levels, num_quantizers=3, dim=len(levels)).train()
        latents = drawn(3, 60, len(levels)).requires_grad_()
        quantized, codes = theirs(latents)
        result = ours((latents / span).transpose(1, 2))
        differing = (result.codes.transpose(1, 2) != codes).any(-1)
        assert differing.float().mean() <= 0.01, "but for what lies on the edge of a cell"
        values = (result.latents.transpose(1, 2) * span)[~differing]
        torch.testing.assert_close(values, quantized[~differing], rtol=1e-4, atol=1e-4)
        ratio = slope_of(quantized, latents) / slope_of(result.latents.transpose(1, 2) * span, latents)
        assert set(ratio.detach().round(decimals=3)[~differing].abs().flatten().tolist()) == {0.0, 1.0, 2.0, 3.0}


class TestSigns:
    """Their first channel is the code's most significant bit, ours the least: channels are flipped."""

    @pytest.mark.parametrize(("kind", "spherical"), [(LookupFreeQuantizer, False), (BinarySphericalQuantizer, True)])
    def test_codes_values_gradients_and_entropies(self, official: ModuleType, kind: type, spherical: bool) -> None:
        """The entropy per latent is theirs to rounding; of the mean, ours is the bound that needs no table of 2^d."""
        ours, theirs = kind(DIM, temperature=0.5, diversity=0.0).train(), official.LFQ(dim=DIM, spherical=spherical)
        latents = drawn(3, 40, DIM).requires_grad_()
        (quantized, codes, _), parts = theirs.train()(latents, inv_temperature=2.0, return_loss_breakdown=True)
        result = ours(latents.transpose(1, 2).flip(1))
        assert torch.equal(result.codes[:, 0], codes.long())
        assert_alike(result.latents.flip(1).transpose(1, 2), quantized)
        assert_alike(slope_of(result.latents.flip(1).transpose(1, 2), latents), slope_of(quantized, latents))
        torch.testing.assert_close(result.losses["entropy"], parts.per_sample_entropy, rtol=1e-3, atol=1e-3)
        ours.diversity = 1.0
        used = result.losses["entropy"] - ours(latents.transpose(1, 2).flip(1)).losses["entropy"]
        assert parts.batch_entropy - 1e-3 <= used <= DIM * torch.log(torch.tensor(2.0)) + 1e-5
