"""What a step makes of its losses: in parts, balanced, in less precision."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from kvant.codec import Reconstruction
from kvant.data import Batch
from kvant.errors import UsageError
from kvant.training.config import LossWeights
from kvant.training.run import Run
from tests.torch import small_run

OUTPUT_LOSSES = ("mel", "loudness", "disturbance", "log_magnitude", "complex_stft", "adversarial", "feature_matching")


class TestHowMuch:
    def test_a_batch_in_two_parts_makes_the_same_step(self, enlist: small_run.Enlist) -> None:
        """But for feature matching, which divides by a mean over the batch, and codebooks, which move at each part.

        Up to rounding: of a gradient itself, and of what it is a small difference of, as the largest of all tells.
        """
        steps = []
        for parts in (1, 2):
            phase = small_run.phase(1, trains=("decoder",), adversary=small_run.ADVERSARY, accumulate=parts)
            run, step, state = enlist(phase, weights=LossWeights(feature_matching=0))
            steps.append((step(0, *run.batch(0, 0)), state))
        for player, optimizer in steps[0][1].optimizers.items():
            others = steps[1][1].optimizers[player].state.values()
            largest = max(float(moment["exp_avg"].abs().max()) for moment in optimizer.state.values())
            for moment, other in zip(optimizer.state.values(), others, strict=True):
                own = float(moment["exp_avg"].abs().max())
                assert float((moment["exp_avg"] - other["exp_avg"]).abs().max()) < 1e-4 * own + 1e-5 * largest
        for name in steps[0][0].keys() - {"feature_matching"}:
            torch.testing.assert_close(steps[0][0][name], steps[1][0][name], rtol=1e-4, atol=1e-6)

    def test_a_batch_that_cannot_be_parted_is_a_clear_error(self, enlist: small_run.Enlist) -> None:
        run, _, _ = enlist(small_run.phase(1, accumulate=3))
        with pytest.raises(UsageError, match=r"batch_size=4: must be a multiple of 1 processes x accumulate=3"):
            run.batch(0, 0)

    @pytest.mark.parametrize("parts", [1, 2])
    def test_balanced_losses_have_their_weights_as_shares_of_the_gradient(
        self, enlist: small_run.Enlist, parts: int
    ) -> None:
        """In the first step running means are this batch's: w / sum(w) is the norm of an item's part of the slope.

        The parts are told apart by least squares: seven slopes span what the codec was given at its output.
        """
        weights = LossWeights(mel=1, loudness=2, disturbance=3, log_magnitude=4, complex_stft=5, commitment=0)
        phase = small_run.phase(1, adversary=small_run.ADVERSARY, balanced=True, accumulate=parts)
        run, step, _ = enlist(phase, weights=dataclasses.replace(weights, adversarial=6, feature_matching=7))
        batch, depths = run.batch(0, 0)
        outputs: list[tuple[Tensor, list[Tensor]]] = []  # each part's, and the slopes it was given: the last one counts

        def keep(_: nn.Module, __: object, reconstruction: Reconstruction) -> None:
            outputs.append((reconstruction.wav, []))
            reconstruction.wav.register_hook(outputs[-1][1].append)

        run.codec.register_forward_hook(keep)
        losses = step(0, batch, depths)
        assert len(outputs) == parts
        run_again = Run(run.config, run.folder)  # the adversary as it judged, before it moved
        run_again.enlist(0, saved=False)
        wav = outputs[0][0].detach().requires_grad_()
        heard = run.objective.compared(wav, Batch(*(tensor[: len(wav)] for tensor in batch)))
        alone = run.objective.of_signals(*heard) | run_again.adversary.persuade(*heard)
        assert tuple(alone) == OUTPUT_LOSSES
        assert set(OUTPUT_LOSSES) < losses.keys()
        slopes = torch.stack([torch.autograd.grad(loss, wav, retain_graph=True)[0] for loss in alone.values()])
        norms = slopes.flatten(2).norm(dim=-1).mean(1)
        given = outputs[0][1][-1] * len(wav) * parts
        found = torch.linalg.lstsq(slopes.flatten(1).T.double(), given.flatten()[:, None].double()).solution[:, 0]
        torch.testing.assert_close(found.float() * norms, torch.arange(1.0, 8.0) / 28, rtol=1e-2, atol=1e-4)


class TestPrecision:
    def test_bfloat16_leaves_the_quantizer_in_float32(self, enlist: small_run.Enlist) -> None:
        run, step, _ = enlist(small_run.phase(3, adversary=small_run.ADVERSARY), precision="bf16")
        seen: dict[str, torch.dtype] = {}

        def product(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen["quantizer"] = (inputs[0] @ inputs[0].transpose(1, 2)).dtype

        run.codec.quantizer.register_forward_pre_hook(product)
        run.codec.decoder.leave.register_forward_hook(lambda *call: seen.update(decoder=call[-1].dtype))
        before = small_run.copied(run.codec)
        for number in range(3):
            losses = step(number, *run.batch(0, number))
            assert all(bool(loss.isfinite()) for loss in losses.values())
        assert seen == {"quantizer": torch.float32, "decoder": torch.bfloat16}
        moved = small_run.changed(before, run.codec)
        assert {name for name, _ in run.codec.named_parameters()} <= moved
        assert all(bool(tensor.isfinite().all()) for tensor in run.codec.state_dict().values())

    def test_another_precision_is_a_clear_error(self, corpus: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="precision=fp16: one of no, bf16"):
            Run(dataclasses.replace(small_run.config(corpus), precision="fp16"), tmp_path)
