"""Quantizers of quantizers: their gradients multiply, add and stack as linear algebra says, and so do their values."""

from functools import reduce

import pytest
import torch
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.quantizers import (
    EMACodebook,
    FiniteScalarQuantizer,
    GroupedQuantizer,
    LearnedCodebook,
    MultiScaleQuantizer,
    MultiStageQuantizer,
    ProjectedQuantizer,
    ResidualQuantizer,
    SplitQuantizer,
    VectorQuantizer,
)
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.projected import FrameLinear, Scale, UnitNorm
from kvant.quantizers.slots import ABSENT

DIM = 6


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def vector(dim: int, size: int = 16) -> VectorQuantizer:
    return VectorQuantizer(LearnedCodebook(size, dim), straight_through, ())


def residual(dim: int, levels: int) -> ResidualQuantizer:
    return ResidualQuantizer([LearnedCodebook(16, dim) for _ in range(levels)], straight_through, ())


def factorised(dim: int) -> ProjectedQuantizer:
    return ProjectedQuantizer(vector(dim), nn.Conv1d(DIM, dim, 1), nn.Conv1d(dim, DIM, 1))


def jacobian(quantizer: nn.Module, latents: Tensor, frames: int = 1) -> Tensor:
    """d quantized / d latents of latents [D * frames], [D * frames, D * frames]."""
    return torch.autograd.functional.jacobian(
        lambda z: quantizer(z.reshape(1, -1, frames)).latents.flatten(), latents, vectorize=False
    )


class TestProjected:
    @pytest.mark.parametrize("bias", [True, False])
    def test_frame_linear_is_a_convolution_of_one_tap(self, bias: bool) -> None:
        linear, convolution = FrameLinear(DIM, 3, bias=bias), nn.Conv1d(DIM, 3, 1, bias=bias)
        convolution.load_state_dict({n: t[..., None] if n == "weight" else t for n, t in linear.state_dict().items()})
        torch.testing.assert_close(linear(noise(2, DIM, 9)), convolution(noise(2, DIM, 9)))

    def test_gradient_is_out_times_into(self) -> None:
        torch.manual_seed(0)
        quantizer = factorised(3)
        expected = quantizer.out.weight[..., 0] @ quantizer.into.weight[..., 0]
        torch.testing.assert_close(jacobian(quantizer, noise(DIM)), expected)

    def test_unit_norm_searches_by_angle(self) -> None:
        """|u - c|^2 = 2 - 2 u.c on the sphere, so the nearest vector is the one of the largest cosine."""
        torch.manual_seed(0)
        book = EMACodebook(32, DIM)
        book.replace(torch.ones(32, dtype=torch.bool), nn.functional.normalize(noise(32, DIM), dim=1))
        inner = VectorQuantizer(book, straight_through, ())
        codes = ProjectedQuantizer(inner, UnitNorm(), nn.Identity()).encode(noise(2, DIM, 50) * 7)
        cosines = nn.functional.cosine_similarity(
            (noise(2, DIM, 50) * 7).transpose(1, 2)[:, :, None], book.vectors, dim=-1
        )
        assert torch.equal(codes[:, 0], cosines.argmax(-1))

    def test_scaling_back_and_forth_changes_the_cells_alone(self) -> None:
        latents, inner = noise(1, DIM, 30), FiniteScalarQuantizer([5] * DIM).eval()
        scaled = ProjectedQuantizer(inner, Scale(2.0), Scale(0.5)).eval()
        torch.testing.assert_close(scaled(latents).latents, inner(latents * 2).latents / 2)


class TestMultiStage:
    @pytest.mark.parametrize("stages", [1, 2, 4])
    def test_gradient_is_one_minus_the_product_of_what_is_left(self, stages: int) -> None:
        torch.manual_seed(0)
        levels = [factorised(1 + stage) for stage in range(stages)]
        latents, left = noise(DIM), torch.eye(DIM)
        for level in levels:
            left = (torch.eye(DIM) - level.out.weight[..., 0] @ level.into.weight[..., 0]) @ left
        torch.testing.assert_close(jacobian(MultiStageQuantizer(levels), latents), torch.eye(DIM) - left)

    def test_gradient_with_bounded_stages(self) -> None:
        """J of each stage where it is: at its own residual."""
        levels = [ProjectedQuantizer(FiniteScalarQuantizer([5] * DIM), Scale(k), Scale(1 / k)) for k in (1.0, 3.0, 9.0)]
        residuals, jacobians = noise(DIM), []
        for level in levels:
            jacobians.append(torch.eye(DIM) - jacobian(level, residuals))
            residuals = residuals - level.decode(level.encode(residuals[None, :, None])).flatten()
        expected = torch.eye(DIM) - reduce(lambda left, each: each @ left, jacobians)
        torch.testing.assert_close(jacobian(MultiStageQuantizer(levels), noise(DIM)), expected)

    def test_plain_codebooks_lose_the_commitment_of_deeper_levels_here_and_not_in_residual(self) -> None:
        torch.manual_seed(0)
        plain = residual(DIM, 2)
        staged = MultiStageQuantizer([VectorQuantizer(book, straight_through, ()) for book in plain.codebooks])
        for quantizer, reaches in ((plain, True), (staged, False)):
            latents = noise(1, DIM, 20).requires_grad_()
            deep = quantizer(latents).losses["commitment"] - quantizer(latents, 1).losses["commitment"]
            assert bool(torch.autograd.grad(deep, latents)[0].abs().max() > 1e-6) is reaches
        assert torch.equal(staged.encode(noise(1, DIM, 20)), plain.encode(noise(1, DIM, 20)))


class TestGrouped:
    def test_gradient_is_block_diagonal(self) -> None:
        torch.manual_seed(0)
        parts = [ProjectedQuantizer(vector(2), nn.Conv1d(3, 2, 1), nn.Conv1d(2, 3, 1)) for _ in range(2)]
        blocks = [part.out.weight[..., 0] @ part.into.weight[..., 0] for part in parts]
        torch.testing.assert_close(jacobian(GroupedQuantizer(parts), noise(DIM)), torch.block_diag(*blocks))

    def test_value_and_codes_are_those_of_each_group_alone(self) -> None:
        """Level-major: level 0 of both groups, then level 1 of both, then level 2 of the one that has it."""
        torch.manual_seed(0)
        parts = [residual(3, 2), residual(3, 3)]
        latents, quantizer = noise(2, DIM, 10), GroupedQuantizer(parts)
        alone = [part.encode(latents[:, 3 * group : 3 * group + 3]) for group, part in enumerate(parts)]
        expected = [alone[0][:, 0], alone[1][:, 0], alone[0][:, 1], alone[1][:, 1], alone[1][:, 2]]
        codes = quantizer.encode(latents)
        assert torch.equal(codes, torch.stack(expected, dim=1))
        decoded = [part.decode(part_codes) for part, part_codes in zip(parts, alone)]
        torch.testing.assert_close(quantizer.decode(codes), torch.cat(decoded, dim=1))

    def test_product_quantization_has_the_product_of_codes(self) -> None:
        """Two codebooks of 4 vectors in 3 channels each are 16 vectors in 6, and the nearest of the 16 is found."""
        torch.manual_seed(0)
        parts = [vector(3, 4), vector(3, 4)]
        first, second = (part.codebook.vectors for part in parts)
        table = torch.cat([first.repeat_interleave(4, 0), second.repeat(4, 1)], dim=1)
        latents = noise(1, DIM, 50)
        codes = GroupedQuantizer(parts).encode(latents)[0]
        assert torch.equal(4 * codes[0] + codes[1], torch.cdist(latents[0].T, table).argmin(1))

    def test_channels_that_do_not_split_are_refused(self) -> None:
        with pytest.raises(UsageError, match="7 channels do not split into 2"):
            GroupedQuantizer([vector(3), vector(3)]).encode(noise(1, 7, 5))


class TestSplit:
    def test_it_is_the_sum_of_two_that_know_nothing_of_each_other(self) -> None:
        torch.manual_seed(0)
        semantic, acoustic = factorised(3), ProjectedQuantizer(
            residual(4, 3), nn.Conv1d(DIM, 4, 1), nn.Conv1d(4, DIM, 1)
        )  # fmt: skip
        quantizer, latents = SplitQuantizer(semantic, acoustic).eval(), noise(2, DIM, 20)
        result, alone = quantizer(latents), [semantic(latents), acoustic(latents)]
        torch.testing.assert_close(result.latents, alone[0].latents + alone[1].latents)
        assert torch.equal(result.codes, torch.cat([part.codes for part in alone], dim=1))
        assert torch.equal(quantizer.search(latents, None, 8)[:, :1], semantic.encode(latents))
        mean = (alone[0].losses["commitment"] + 3 * alone[1].losses["commitment"]) / 4
        torch.testing.assert_close(result.losses["commitment"], mean)

    def test_gradients_add(self) -> None:
        torch.manual_seed(0)
        parts = factorised(2), factorised(3)
        expected = sum(part.out.weight[..., 0] @ part.into.weight[..., 0] for part in parts)
        torch.testing.assert_close(jacobian(SplitQuantizer(*parts), noise(DIM)), expected)


class TestMultiScale:
    def built(self, strides: tuple[int, ...]) -> MultiScaleQuantizer:
        torch.manual_seed(0)
        return MultiScaleQuantizer([vector(DIM) for _ in strides], strides).eval()

    @pytest.mark.parametrize(
        ("strides", "counts"), [((4, 2, 1), (12, 24, 48)), ((8, 4, 2, 1), (6, 12, 24, 48)), ((6, 3), (8, 16))]
    )
    def test_scales_have_their_own_number_of_codes(self, strides: tuple[int, ...], counts: tuple[int, ...]) -> None:
        """SNAC at 48 latent frames a second: 12, 24 and 48 tokens; folded, 7 slots of 12 frames."""
        quantizer = self.built(strides)
        codes = quantizer.encode(noise(2, DIM, 48))
        assert codes.shape == (2, sum(strides[0] // stride for stride in strides), 48 // strides[0])
        scales = quantizer.unfold(codes)
        assert [scale.shape for scale in scales] == [(2, count) for count in counts]
        assert torch.equal(quantizer.fold(scales), codes)

    def test_it_is_the_chain_of_the_paper(self) -> None:
        """Mean over the stride, nearest vector, held for the stride, taken off; and that in order of time."""
        quantizer, latents = self.built((4, 2, 1)), noise(1, DIM, 16)
        left, total, scales = latents, torch.zeros_like(latents), []
        for scale in quantizer.levels:
            book = scale.quantizer.codebook.vectors
            codes = torch.cdist(nn.functional.avg_pool1d(left, scale.stride)[0].T, book).argmin(1)
            held = book[codes].T[None].repeat_interleave(scale.stride, dim=2)
            left, total = left - held, total + held
            scales.append(codes[None])
        result = quantizer(latents)
        torch.testing.assert_close(result.latents, total)
        assert all(torch.equal(*pair) for pair in zip(quantizer.unfold(result.codes), scales))

    def test_a_prefix_is_whole_scales_and_then_the_first_stretches_of_the_next(self) -> None:
        quantizer = self.built((4, 2, 1))
        codes = quantizer.encode(noise(1, DIM, 8))
        coarse, middle, fine = (scale.quantizer.codebook.vectors for scale in quantizer.levels)
        scales = quantizer.unfold(codes)
        expected = coarse[scales[0][0]].repeat_interleave(4, 0) + middle[scales[1][0]].repeat_interleave(2, 0)
        torch.testing.assert_close(quantizer.decode(codes[:, :3])[0].T, expected)
        expected[::4] += fine[scales[2][0]][::4]
        torch.testing.assert_close(quantizer.decode(codes[:, :4])[0].T, expected)

    @pytest.mark.parametrize("strides", [(4, 2, 1), (4, 2)])
    def test_gradient_is_one_minus_the_product_of_what_means_leave(self, strides: tuple[int, ...]) -> None:
        """Stages hold the mean over their stride, a projection; the sum is that of the last, I for stride 1."""
        gradient = jacobian(self.built(strides), noise(DIM * 4), frames=4)
        mean = torch.block_diag(*[torch.full((strides[-1],) * 2, 1 / strides[-1])] * (4 // strides[-1]))
        torch.testing.assert_close(gradient, torch.block_diag(*[mean] * DIM))

    def test_frames_that_are_not_whole_are_refused(self) -> None:
        quantizer = self.built((4, 2, 1))
        for use in (quantizer, quantizer.encode, lambda z: quantizer.search(z, None, 2)):
            with pytest.raises(UsageError, match="10 latent frames: a frame of codes takes 4"):
                use(noise(1, DIM, 10))

    @pytest.mark.parametrize("strides", [(1, 2), (4, 3, 1), (4, 2), (4, 2, 1, 0)])
    def test_strides_that_make_no_frame_are_refused(self, strides: tuple[int, ...]) -> None:
        with pytest.raises(UsageError, match="stride"):
            MultiScaleQuantizer([vector(DIM)] * max(3, len(strides)), strides)

    def test_a_wide_beam_is_exhaustive(self) -> None:
        """Of all 4^3 codes of a frame, the nearest."""
        torch.manual_seed(0)
        quantizer = MultiScaleQuantizer([vector(DIM, 4), vector(DIM, 4)], (2, 1)).eval()
        latents = noise(1, DIM, 40)
        every = torch.cartesian_prod(*[torch.arange(4)] * 3).T[None]
        frames = quantizer.decode(every)[0].reshape(DIM, 64, 2).transpose(0, 1)
        errors = (latents[0].reshape(DIM, 1, 20, 2) - frames.transpose(0, 1)[:, :, None]).square().sum(dim=(0, 3))
        codes = quantizer.search(latents, None, 64)
        assert torch.equal(codes[0], every[0][:, errors.argmin(0)])


def test_the_table_that_graphs_look_codes_up_in_is_the_books() -> None:
    """Whatever the sizes, and where codes are absent, to the bit."""
    quantizer = ResidualQuantizer([EMACodebook(size, 5) for size in (7, 3, 11)])
    codes = torch.stack([torch.randint(size, (2, 20)) for size in (7, 3, 11)], dim=1)
    codes[:, 1, 4:9] = codes[:, 2, 2:9] = ABSENT
    for depth in (1, 2, 3):
        table, books = quantizer._from_table(codes[:, :depth]), quantizer._from_books(codes[:, :depth])
        assert torch.equal(table, books)
        assert books.shape == (2, depth, 20, 5)
    assert not books[:, 2, 2:9].any()
    assert books[:, 2, :2].any()
