"""Laws of every quantizer, whatever it is made of: one answer, prefixes, gradients, masks, statistics, frames alone."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.protocols import LevelledQuantizer, Quantizer
from kvant.quantizers import QUANTIZERS as LISTED
from kvant.quantizers import Continuous, EMACodebook, MultiStageQuantizer, TrackedCodebook
from kvant.quantizers.gradients import straight_through
from tests.laws.composites import COMPOSITES, DIM, NESTED, SPAN
from tests.laws.implementers import QUANTIZERS

BATCH, FRAMES = 5, 3 * SPAN

BUILDERS: dict[str, Callable[[], Quantizer]] = {
    **{
        kind.__name__: lambda build=build: build(lambda: EMACodebook(16, DIM), straight_through, (), ())
        for kind, build in QUANTIZERS.items()
    },
    **{kind.__name__: build for kind, build in COMPOSITES.items()},
    **NESTED,
}
WITH_CODES = [name for name, build in BUILDERS.items() if build().codebook_sizes]
REFUSES_BEAMS = "stages of groups"
SEARCHED = [name for name in WITH_CODES if isinstance(BUILDERS[name](), LevelledQuantizer) and name != REFUSES_BEAMS]
every_quantizer = pytest.mark.parametrize("name", WITH_CODES)


def built(name: str) -> nn.Module:
    torch.manual_seed(0)
    return BUILDERS[name]()


def latents_of(seed: int = 1) -> Tensor:
    return torch.randn(BATCH, DIM, FRAMES, generator=torch.Generator().manual_seed(seed))


def depths_within(quantizer: Quantizer) -> Tensor:
    """Depths of a batch: none, one, some, all."""
    full = len(quantizer.codebook_sizes)
    return torch.tensor([0, 1, full, full // 2, max(full - 1, 0)])


def copied(quantizer: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}


def staged(quantizer: nn.Module) -> bool:
    """Whether stages of it hand on residuals."""
    return any(isinstance(part, MultiStageQuantizer) for part in quantizer.modules())


def test_every_listed_quantizer_is_built() -> None:
    assert not [kind.__name__ for kind in LISTED if kind.__name__ not in BUILDERS]


@every_quantizer
class TestOneAnswer:
    def test_forward_encode_and_decode_agree_at_every_depth(self, name: str) -> None:
        quantizer, latents = built(name).eval(), latents_of()
        codes = quantizer.encode(latents)
        assert torch.equal(quantizer(latents).codes, codes)
        for k in range(1, codes.shape[1] + 1):
            result = quantizer(latents, k)
            assert torch.equal(result.codes, codes[:, :k])
            assert torch.equal(quantizer.encode(latents, k), codes[:, :k])
            torch.testing.assert_close(result.latents, quantizer.decode(codes[:, :k]))
            assert result.latents.shape == latents.shape

    def test_codes_are_within_their_sizes(self, name: str) -> None:
        quantizer = built(name).eval()
        codes = quantizer.encode(latents_of())
        sizes = torch.tensor(quantizer.codebook_sizes)[None, :, None]
        assert codes.dtype == torch.int64
        assert codes.shape[:2] == (BATCH, len(quantizer.codebook_sizes))
        assert ((codes >= 0) & (codes < sizes)).all()

    def test_frames_and_items_are_quantized_each_alone(self, name: str) -> None:
        """What makes streaming exact: memory is the encoder's and decoder's."""
        quantizer, latents = built(name).eval(), latents_of()
        codes = quantizer.encode(latents)
        step = FRAMES // codes.shape[2]
        for frame in range(codes.shape[2]):
            alone = quantizer.encode(latents[2:3, :, frame * step : (frame + 1) * step])
            assert torch.equal(alone, codes[2:3, :, frame : frame + 1])
            decoded = quantizer.decode(codes)[2:3, :, frame * step : (frame + 1) * step]
            torch.testing.assert_close(quantizer.decode(alone), decoded)

    def test_numbers_of_codes_that_are_not_there_are_refused(self, name: str) -> None:
        quantizer = built(name)
        for asked in (0, -1, len(quantizer.codebook_sizes) + 1):
            for use in (quantizer, quantizer.encode):
                with pytest.raises(UsageError, match=f"num_codebooks={asked}:"):
                    use(latents_of(), asked)


@every_quantizer
@pytest.mark.parametrize("training", [True, False])
def test_gradient_reaches_every_frame_at_every_depth(name: str, training: bool) -> None:
    quantizer = built(name).train(training)
    for k in range(1, len(quantizer.codebook_sizes) + 1):
        latents = latents_of().requires_grad_()
        (quantizer(latents, k).latents * latents_of(2)).sum().backward()
        assert (latents.grad.abs().amax(dim=1) > 0).all()


@every_quantizer
class TestMask:
    """num_codebooks int64 [B]: what an item does not use asks nothing of it, and learns from it."""

    def test_latents_are_of_each_items_own_depth(self, name: str) -> None:
        quantizer, latents = built(name).eval(), latents_of()
        depths = depths_within(quantizer)
        result = quantizer(latents, depths)
        assert torch.equal(result.codes, quantizer.encode(latents))
        for item, depth in enumerate(depths.tolist()):
            one = latents[item : item + 1]
            alone = quantizer(one, depth).latents if depth else torch.zeros_like(one)
            torch.testing.assert_close(result.latents[item : item + 1], alone)

    def test_an_item_of_depth_0_gets_no_gradient(self, name: str) -> None:
        quantizer = built(name).train()
        latents, depths = latents_of().requires_grad_(), depths_within(quantizer)
        result = quantizer(latents, depths)
        asked = [loss for loss in result.losses.values() if loss.requires_grad]
        (result.latents.square().sum() + sum(asked)).backward()
        assert not latents.grad[depths == 0].any()
        assert latents.grad[depths == depths.max()].any()

    def test_losses_of_latents_are_those_of_the_depth(self, name: str) -> None:
        """All items at depth k by a tensor are as the int k; with other items idle, their share of it."""
        quantizer, latents = built(name).train(), latents_of()
        state = copied(quantizer)
        for k in range(1, len(quantizer.codebook_sizes) + 1):
            values = []
            for depths in (k, torch.full((BATCH,), k), torch.tensor([k, 0, 0, k, 0])):
                quantizer.load_state_dict(state)
                losses = quantizer(latents, depths).losses
                values.append({key: losses.get(key, torch.zeros(())) for key in ("commitment", "entropy")})
            torch.testing.assert_close(values[0], values[1])
            quantizer.load_state_dict(state)
            pair = quantizer(latents[[0, 3]], k).losses
            for key, loss in values[2].items():
                torch.testing.assert_close(loss, pair.get(key, torch.zeros(())) * 2 / 5, rtol=1e-4, atol=1e-5)

    def test_statistics_are_those_of_full_depth(self, name: str) -> None:
        """Stages give an item that skips one the residual to vectors which have just learnt: a few codes differ."""
        masked, whole = built(name).train(), built(name).train()
        masked(latents_of(), depths_within(masked))
        whole(latents_of())
        expected, few = whole.state_dict(), 0.05 if staged(masked) else 1e-6
        for key, tensor in masked.state_dict().items():
            if key.endswith(("usage", "counts", "steps")):
                torch.testing.assert_close(tensor, expected[key], rtol=0, atol=few)
            elif not staged(masked):
                torch.testing.assert_close(tensor, expected[key])


@every_quantizer
def test_statistics_move_in_training_only(name: str) -> None:
    quantizer = built(name)
    before = copied(quantizer)
    quantizer.eval()(latents_of())
    quantizer.train().decode(quantizer.encode(latents_of()))
    assert all(torch.equal(before[key], tensor) for key, tensor in quantizer.state_dict().items())
    quantizer(latents_of())
    for part in quantizer.modules():
        if isinstance(part, TrackedCodebook):
            assert int(part.steps) == 1


@pytest.mark.parametrize("name", SEARCHED)
class TestSearch:
    def test_a_beam_of_one_is_greedy(self, name: str) -> None:
        quantizer, latents = built(name).eval(), latents_of()
        for k in range(1, len(quantizer.codebook_sizes) + 1):
            assert torch.equal(quantizer.search(latents, k, 1), quantizer.encode(latents, k))

    def test_a_beam_comes_closer_at_every_depth(self, name: str) -> None:
        quantizer, latents = built(name).eval(), latents_of()
        for k in range(1, len(quantizer.codebook_sizes) + 1):
            found, greedy = (quantizer.decode(quantizer.search(latents, k, beam)) for beam in (8, 1))
            errors = [(latents - each).square().mean() for each in (found, greedy)]
            assert errors[0] <= errors[1] * (1 + 1e-6)

    def test_a_beam_below_one_is_refused(self, name: str) -> None:
        with pytest.raises(UsageError, match="beam 0"):
            built(name).search(latents_of(), None, 0)


def test_stages_of_several_codes_refuse_a_beam() -> None:
    with pytest.raises(UsageError, match="beam 4: only stages of one code each"):
        built(REFUSES_BEAMS).search(latents_of(), None, 4)


def test_continuous_latents_pass_and_are_no_codes() -> None:
    quantizer, latents = Continuous(), latents_of()
    result = quantizer(latents)
    assert result.latents is latents
    assert result.codes.shape == (BATCH, 0, FRAMES)
    assert torch.equal(quantizer.encode(latents), result.codes)
    with pytest.raises(UsageError, match="Continuous makes no codes"):
        quantizer.decode(result.codes)
