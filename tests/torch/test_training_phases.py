"""Who learns in a step, from what, and how much."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from kvant.codec import Reconstruction
from kvant.data import Batch
from kvant.errors import UsageError
from kvant.training import loop
from kvant.training.config import LogConfig, LossWeights, Phase, StartConfig
from kvant.training.diagnosis.records import read_records
from kvant.training.gan_step import GanStep
from kvant.training.run import Run
from kvant.training.run_state import RunState
from kvant.training.schedule import set_rate
from tests.torch import small_run

OUTPUT_LOSSES = ("mel", "loudness", "disturbance", "log_magnitude", "complex_stft", "adversarial", "feature_matching")

Enlist = Callable[..., tuple[Run, GanStep, RunState]]


@pytest.fixture(autouse=True)
def as_in_a_process_of_its_own() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    AcceleratorState._reset_state()  # accelerate keeps one precision a process
    yield
    AcceleratorState._reset_state()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run.write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def start(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in closed form."""
    folder = tmp_path_factory.mktemp("start")
    Run(small_run.config(corpus), folder).begin()
    return folder / "start" / "model.safetensors"


@pytest.fixture
def enlist(corpus: Path, start: Path, tmp_path: Path) -> Enlist:
    """`enlist(phase, ...)`: a run at its start, who learns in its only phase, and its state."""

    def enlist(phase: Phase, **changes: object) -> tuple[Run, GanStep, RunState]:
        begun = StartConfig(checkpoint=str(start))
        config = dataclasses.replace(small_run.config(corpus, phase), start=begun, **changes)
        run = Run(config, tmp_path)
        run.begin()
        step, state = run.enlist(0, saved=False)
        for optimizer in state.optimizers.values():
            set_rate(optimizer, 1.0)
        return run, step, state

    return enlist


def copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def changed(before: dict[str, Tensor], module: nn.Module) -> set[str]:
    return {name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])}


class TestWhoLearns:
    def test_the_decoder_alone_against_an_adversary(self, enlist: Enlist) -> None:
        """Encoder, quantizer and its statistics stay bit for bit, and so do codes; the discriminator finds out."""
        slow = dataclasses.replace(small_run.phase().optim, learning_rate=1e-4)
        quick = dataclasses.replace(small_run.ADVERSARY, learning_rate=1e-2)
        phase = small_run.phase(25, trains=("decoder",), adversary=quick, optim=slow)
        run, step, _ = enlist(phase, depths=(1,), dropout=1.0)
        wav = run.data[0].batch(99, 3).wav
        codec, judge, codes = copied(run.codec), copied(run.adversary), run.codec.encode(wav)
        batch = run.batch(0, 0)
        losses = [step(number, *batch) for number in range(25)]
        moved = changed(codec, run.codec)
        assert moved == {f"decoder.{name}" for name, _ in run.codec.decoder.named_parameters()}
        assert torch.equal(run.codec.encode(wav), codes)
        assert changed(judge, run.adversary) == {name for name, _ in run.adversary.named_parameters()}
        assert float(losses[0]["discriminator"]) == pytest.approx(2, abs=0.1)
        assert float(losses[-1]["discriminator"]) < 1.5

    def test_a_joint_phase_moves_everything_that_can_learn(self, enlist: Enlist) -> None:
        run, step, _ = enlist(small_run.phase(4))
        codec = copied(run.codec)
        for number in range(4):  # behind last layers at zero, nothing moves in the first step
            step(number, *run.batch(0, number))
        statistics = {name for name in codec if name.startswith("quantizer.")}
        assert changed(codec, run.codec) == {name for name, _ in run.codec.named_parameters()} | statistics
        assert len(statistics) == 3 * 5

    def test_the_discriminator_learns_at_every_second_step(self, enlist: Enlist) -> None:
        seldom = dataclasses.replace(small_run.ADVERSARY, every=2)
        run, step, _ = enlist(small_run.phase(4, trains=("decoder",), adversary=seldom))
        for number in range(4):
            judge, codec = copied(run.adversary), copied(run.codec)
            losses = step(number, *run.batch(0, number))
            assert bool(changed(judge, run.adversary)) == ("discriminator" in losses) == (number % 2 == 0)
            assert changed(codec, run.codec)
            assert "adversarial" in losses

    def test_the_mean_of_what_it_lost_is_over_the_steps_it_learnt_in(self, corpus: Path, tmp_path: Path) -> None:
        """A new one knows nothing: 2 by the hinge, not 2 in four steps' mean of one."""
        phase = small_run.phase(4, adversary=dataclasses.replace(small_run.ADVERSARY, every=4))
        loop.train(dataclasses.replace(small_run.config(corpus, phase), log=LogConfig(4, 100)), tmp_path)
        (record,) = read_records(tmp_path / "health.jsonl")
        assert record["train/discriminator"] == pytest.approx(2, abs=0.1)

    @pytest.mark.parametrize("limit", [1e-3, 1e3])
    def test_codec_and_discriminator_are_clipped_each_on_its_own(self, enlist: Enlist, limit: float) -> None:
        """Adam's first moment after one step is (1 - beta) times the gradient it was given."""
        optim = dataclasses.replace(small_run.phase().optim, max_gradient_norm=limit)
        run, step, state = enlist(small_run.phase(1, adversary=small_run.ADVERSARY, optim=optim))
        losses = step(0, *run.batch(0, 0))
        for player, norm in (("codec", "gradient_norm"), ("adversary", "discriminator_norm")):
            moments = [moment["exp_avg"] for moment in state.optimizers[player].state.values()]
            given = torch.cat([moment.flatten() for moment in moments]).norm() / (1 - optim.betas[0])
            assert float(given) == pytest.approx(min(float(losses[norm]), limit), rel=1e-3)
            assert 1e-3 < float(losses[norm]) < 1e3

    def test_a_phase_keeps_the_discriminator_of_the_phase_before(self, corpus: Path, tmp_path: Path) -> None:
        phase = small_run.phase(1, adversary=small_run.ADVERSARY)
        run = Run(small_run.config(corpus, phase, phase, small_run.phase(1), phase), tmp_path)
        step, _ = run.enlist(0, saved=False)
        step(0, *run.batch(0, 0))
        learnt = copied(run.adversary)
        run.enlist(1, saved=False)
        assert changed(learnt, run.adversary) == set()
        run.enlist(2, saved=False)
        assert run.adversary is None
        run.enlist(3, saved=False)
        assert changed(learnt, run.adversary)


class TestHowMuch:
    def test_a_batch_in_two_parts_makes_the_same_step(self, enlist: Enlist) -> None:
        """But for feature matching, which divides by a mean over the batch, and codebooks, which move at each part."""
        steps = []
        for parts in (1, 2):
            phase = small_run.phase(1, trains=("decoder",), adversary=small_run.ADVERSARY, accumulate=parts)
            run, step, state = enlist(phase, weights=LossWeights(feature_matching=0))
            steps.append((step(0, *run.batch(0, 0)), state))
        for player, optimizer in steps[0][1].optimizers.items():
            others = steps[1][1].optimizers[player].state.values()
            for moment, other in zip(optimizer.state.values(), others, strict=True):
                largest = float(moment["exp_avg"].abs().max())
                assert float((moment["exp_avg"] - other["exp_avg"]).abs().max()) < 1e-4 * largest + 1e-9
        for name in steps[0][0].keys() - {"feature_matching"}:
            torch.testing.assert_close(steps[0][0][name], steps[1][0][name], rtol=1e-4, atol=1e-6)

    def test_a_batch_that_cannot_be_parted_is_a_clear_error(self, enlist: Enlist) -> None:
        run, _, _ = enlist(small_run.phase(1, accumulate=3))
        with pytest.raises(UsageError, match=r"batch_size=4: must be a multiple of 1 processes x accumulate=3"):
            run.batch(0, 0)

    @pytest.mark.parametrize("parts", [1, 2])
    def test_balanced_losses_have_their_weights_as_shares_of_the_gradient(self, enlist: Enlist, parts: int) -> None:
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
    def test_bfloat16_leaves_the_quantizer_in_float32(self, enlist: Enlist) -> None:
        run, step, _ = enlist(small_run.phase(3, adversary=small_run.ADVERSARY), precision="bf16")
        seen: dict[str, torch.dtype] = {}

        def product(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen["quantizer"] = (inputs[0] @ inputs[0].transpose(1, 2)).dtype

        run.codec.quantizer.register_forward_pre_hook(product)
        run.codec.decoder.leave.register_forward_hook(lambda *call: seen.update(decoder=call[-1].dtype))
        before = copied(run.codec)
        for number in range(3):
            losses = step(number, *run.batch(0, number))
            assert all(bool(loss.isfinite()) for loss in losses.values())
        assert seen == {"quantizer": torch.float32, "decoder": torch.bfloat16}
        moved = changed(before, run.codec)
        assert {name for name, _ in run.codec.named_parameters()} <= moved
        assert all(bool(tensor.isfinite().all()) for tensor in run.codec.state_dict().values())

    def test_another_precision_is_a_clear_error(self, corpus: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="precision=fp16: one of no, bf16"):
            Run(dataclasses.replace(small_run.config(corpus), precision="fp16"), tmp_path)
