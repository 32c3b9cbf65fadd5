"""Annealing that is saved and resumed, and the codebook as a curve."""

import pytest
import torch
from torch import Tensor

from kvant.errors import UsageError
from kvant.quantizers import EMACodebook, LearnedCodebook
from kvant.quantizers.gradients import Annealed, DiVeQ, GumbelSoftmax, SoftToHard, straight_through
from kvant.quantizers.relaxed import RelaxedQuantizer
from kvant.quantizers.space_filling import SpaceFillingQuantizer

SIZE, DIM = 6, 4
ANNEALED = Annealed(SoftToHard, 1.0, 100.0, steps=4)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class TestAnnealing:
    def test_it_goes_from_start_to_end_by_equal_factors_and_stays(self) -> None:
        sigmas = [ANNEALED.at(step).sigma for step in (0, 1, 2, 3, 4, 5, 1000)]
        assert sigmas == pytest.approx([1, 10**0.5, 10, 10**1.5, 100, 100, 100])
        cooling = Annealed(GumbelSoftmax, 2.0, 0.5, steps=2)
        assert cooling.at(0) == GumbelSoftmax(2.0)
        assert cooling.at(1).temperature == pytest.approx(1.0)

    @pytest.mark.parametrize(("start", "end", "steps"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
    def test_what_cannot_be_annealed_is_refused(self, start: float, end: float, steps: int) -> None:
        with pytest.raises(UsageError, match="must be above 0"):
            Annealed(SoftToHard, start, end, steps)

    def test_a_resumed_quantizer_goes_on_where_the_saved_one_was(self) -> None:
        """Its step is in the state: bit for bit as without the interruption, and not as from the start."""
        torch.manual_seed(0)
        whole = RelaxedQuantizer(EMACodebook(SIZE, DIM), ANNEALED, remedies=()).train()
        for step in range(3):
            whole(drawn(2, DIM, 9, seed=step))
        resumed = RelaxedQuantizer(EMACodebook(SIZE, DIM), ANNEALED, remedies=()).train()
        resumed.load_state_dict(whole.state_dict())
        anew = RelaxedQuantizer(EMACodebook(SIZE, DIM), ANNEALED, remedies=()).train()
        anew.load_state_dict(whole.state_dict())
        anew.codebook.steps.fill_(0)
        going_on, as_resumed, from_the_start = (q(drawn(2, DIM, 9, seed=3)).latents for q in (whole, resumed, anew))
        assert torch.equal(going_on, as_resumed)
        assert not torch.allclose(going_on, from_the_start)


class TestCurve:
    """SF-DiVeQ: y = (1 - t) q_i + t q_{i+1} on the segment whose point of this step, at t, is nearest."""

    def built(self, sigma: float = 0.0) -> SpaceFillingQuantizer:
        torch.manual_seed(0)
        return SpaceFillingQuantizer(LearnedCodebook(SIZE, DIM), DiVeQ(sigma), remedies=()).train()

    def points(self, quantizer: SpaceFillingQuantizer) -> tuple[Tensor, Tensor]:
        """The places that the next call draws, [V - 1, 1], and the points there; the generator is then set back."""
        torch.manual_seed(1)
        places = torch.rand(SIZE - 1, 1)
        torch.manual_seed(1)
        vectors = quantizer.codebook.vectors.detach()
        return places, (1 - places) * vectors[:-1] + places * vectors[1:]

    def test_values_are_the_nearest_points_of_the_curve(self) -> None:
        quantizer, latents = self.built(), drawn(2, DIM, 30)
        places, points = self.points(quantizer)
        result = quantizer(latents)
        rows = latents.transpose(1, 2).reshape(-1, DIM)
        segments = torch.cdist(rows, points).argmin(-1)
        torch.testing.assert_close(result.latents.transpose(1, 2).reshape(-1, DIM), points[segments])
        assert torch.equal(result.codes.flatten(), segments + (places[segments, 0] > 0.5))

    def test_the_gradient_is_that_of_two_diveqs(self) -> None:
        """dz = G - (1 - t) <G, a> a - t <G, b> b, a and b the directions to the ends; what is taken away moves them."""
        quantizer, latents, upstream = self.built(), drawn(1, DIM, 30).requires_grad_(), drawn(1, DIM, 30, seed=2)
        places, points = self.points(quantizer)
        vectors = quantizer.codebook.vectors
        slopes = torch.autograd.grad(quantizer(latents).latents, (latents, vectors), upstream)
        rows, g = latents.detach()[0].T, upstream[0].T
        segments = torch.cdist(rows, points).argmin(-1)
        t, expected = places[segments], torch.zeros(SIZE, DIM)
        of_latents = g.clone()
        for end, share in ((segments, 1 - t), (segments + 1, t)):
            direction = torch.nn.functional.normalize(vectors.detach()[end] - rows, dim=-1)
            part = share * (g * direction).sum(-1, keepdim=True) * direction
            of_latents -= part
            expected.index_add_(0, end, part)
        torch.testing.assert_close(slopes[0][0].T, of_latents, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(slopes[1], expected, rtol=1e-4, atol=1e-5)

    def test_a_vector_that_no_latent_is_near_still_learns(self) -> None:
        """The end of a segment in use moves, though it is nobody's nearest vector."""
        quantizer = self.built()
        with torch.no_grad():
            quantizer.codebook.weight.copy_(100 + torch.arange(SIZE)[:, None] * torch.ones(DIM))
            quantizer.codebook.weight[0] = 0
        latents = 0.1 * drawn(1, DIM, 30)
        assert not quantizer.encode(latents).any()
        (slope,) = torch.autograd.grad(quantizer(latents).latents.sum(), quantizer.codebook.vectors)
        assert slope[1].norm() > 0

    def test_evaluation_is_plain_vector_quantization(self) -> None:
        quantizer, latents = self.built(sigma=0.1).eval(), drawn(2, DIM, 30)
        result = quantizer(latents)
        rows = latents.transpose(1, 2).reshape(-1, DIM)
        codes = torch.cdist(rows, quantizer.codebook.vectors).argmin(-1)
        assert torch.equal(result.codes.flatten(), codes)
        assert torch.equal(result.latents, quantizer.decode(result.codes))

    def test_on_a_curve_any_estimator_will_do(self) -> None:
        torch.manual_seed(0)
        quantizer = SpaceFillingQuantizer(LearnedCodebook(SIZE, DIM), straight_through, remedies=()).train()
        latents, upstream = drawn(1, DIM, 30).requires_grad_(), drawn(1, DIM, 30, seed=2)
        (slope,) = torch.autograd.grad(quantizer(latents).latents, latents, upstream)
        torch.testing.assert_close(slope, upstream)

    def test_one_vector_makes_no_curve(self) -> None:
        with pytest.raises(UsageError, match="no segment"):
            SpaceFillingQuantizer(LearnedCodebook(1, DIM))
