"""Who learns in a phase, and who stands still."""

import dataclasses
from pathlib import Path

import pytest
import torch

from kvant.training import loop
from kvant.training.config import LogConfig
from kvant.training.diagnosis.records import read_records
from kvant.training.run import Run
from tests.torch import small_run


class TestWhoLearns:
    def test_the_decoder_alone_against_an_adversary(self, enlist: small_run.Enlist) -> None:
        """Encoder, quantizer and its statistics stay bit for bit, and so do codes; the discriminator finds out."""
        slow = dataclasses.replace(small_run.phase().optim, learning_rate=1e-4)
        quick = dataclasses.replace(small_run.ADVERSARY, learning_rate=1e-2)
        phase = small_run.phase(25, trains=("decoder",), adversary=quick, optim=slow)
        run, step, _ = enlist(phase, depths=(1,), dropout=1.0)
        wav = run.data[0].batch(99, 3).wav
        codec, judge, codes = small_run.copied(run.codec), small_run.copied(run.adversary), run.codec.encode(wav)
        batch = run.batch(0, 0)
        losses = [step(number, *batch) for number in range(25)]
        moved = small_run.changed(codec, run.codec)
        assert moved == {f"decoder.{name}" for name, _ in run.codec.decoder.named_parameters()}
        assert torch.equal(run.codec.encode(wav), codes)
        assert small_run.changed(judge, run.adversary) == {name for name, _ in run.adversary.named_parameters()}
        assert float(losses[0]["discriminator"]) == pytest.approx(2, abs=0.1)
        assert float(losses[-1]["discriminator"]) < 1.5

    def test_a_joint_phase_moves_everything_that_can_learn(self, enlist: small_run.Enlist) -> None:
        run, step, _ = enlist(small_run.phase(4))
        codec = small_run.copied(run.codec)
        for number in range(4):  # behind last layers at zero, nothing moves in the first step
            step(number, *run.batch(0, number))
        books = {name for name in codec if name.startswith("quantizer.")}
        statistics = {name for name in books if not name.endswith(".started")}
        assert small_run.changed(codec, run.codec) == {name for name, _ in run.codec.named_parameters()} | statistics
        assert (len(statistics), len(books)) == (3 * 5, 3 * 6)

    def test_the_discriminator_learns_at_every_second_step(self, enlist: small_run.Enlist) -> None:
        seldom = dataclasses.replace(small_run.ADVERSARY, every=2)
        run, step, _ = enlist(small_run.phase(4, trains=("decoder",), adversary=seldom))
        for number in range(4):
            judge, codec = small_run.copied(run.adversary), small_run.copied(run.codec)
            losses = step(number, *run.batch(0, number))
            assert bool(small_run.changed(judge, run.adversary)) == ("discriminator" in losses) == (number % 2 == 0)
            assert small_run.changed(codec, run.codec)
            assert "adversarial" in losses

    def test_the_mean_of_what_it_lost_is_over_the_steps_it_learnt_in(self, corpus: Path, tmp_path: Path) -> None:
        """A new one knows nothing: 2 by the hinge, not 2 in four steps' mean of one."""
        phase = small_run.phase(4, adversary=dataclasses.replace(small_run.ADVERSARY, every=4))
        loop.train(dataclasses.replace(small_run.config(corpus, phase), log=LogConfig(4, 100)), tmp_path)
        (record,) = read_records(tmp_path / "health.jsonl")
        assert record["train/discriminator"] == pytest.approx(2, abs=0.1)

    @pytest.mark.parametrize("limit", [1e-3, 1e3])
    def test_codec_and_discriminator_are_clipped_each_on_its_own(self, enlist: small_run.Enlist, limit: float) -> None:
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
        learnt = small_run.copied(run.adversary)
        run.enlist(1, saved=False)
        assert small_run.changed(learnt, run.adversary) == set()
        run.enlist(2, saved=False)
        assert run.adversary is None
        run.enlist(3, saved=False)
        assert small_run.changed(learnt, run.adversary)
