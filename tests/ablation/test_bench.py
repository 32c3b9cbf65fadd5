"""A bench runs all its cells, once; what goes wrong with one is a result, and no other's concern."""

import dataclasses
import json
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from kvant.ablation import bench, cell
from kvant.ablation.grid import Grid, parse_grid
from kvant.ablation.results import DIVERGED, DONE, FAILED, Outcome, read_outcome
from kvant.checkpoint import load_codec
from kvant.errors import UsageError
from kvant.evaluation.held_out import held_out_clips
from kvant.evaluation.metrics import MelDistance
from kvant.quantizers.gradients import GRADIENTS
from tests.ablation.conftest import TINY


def exploding(latents: Tensor, quantized: Tensor) -> Tensor:
    """An estimator that divides by zero."""
    return quantized.detach() + (latents - latents.detach()) * torch.inf


def failing(latents: Tensor, quantized: Tensor) -> Tensor:
    """An estimator with a mistake."""
    raise RuntimeError("shapes do not fit")


@pytest.fixture(scope="module")
def ran(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[cell.Task], list[Outcome]]:
    """The tiny grid with two seeds, run."""
    folder = tmp_path_factory.mktemp("ran")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kvant.ablation.judging.LOOKS", 2)
        tasks = bench.plan(parse_grid({**TINY, "seeds": [0, 1]}), corpus, folder)
        return folder, tasks, list(bench.outcomes(tasks))


class TestFigures:
    def test_every_cell_has_its_figures_at_every_rate(self, ran: tuple) -> None:
        _, _, outcomes = ran
        assert [(each.cell, each.seed) for each in outcomes] == [
            ("base", 0),
            ("LearnedCodebook", 0),
            ("base", 1),
            ("LearnedCodebook", 1),
        ]
        for each in outcomes:
            assert each.status == DONE
            assert [(rate.levels, rate.bitrate) for rate in each.rates] == [(1, 600.0), (2, 1200.0)]
            assert each.rates[1].snr > each.rates[0].snr
            assert all(1 <= level.perplexity <= 16 and level.size == 16 for level in each.levels)
            assert each.levels[0].frames == 2 * 16 * 151
            assert each.seconds > 0
            assert each.held_out is not None
            assert each.held_out["mel@2"] > 0

    def test_they_are_those_of_the_model_that_is_left(self, ran: tuple, corpus: Path) -> None:
        """The codec's codes, decoded, against the same clips."""
        _, tasks, outcomes = ran
        codec = load_codec(tasks[0].folder / "model.safetensors")
        distances = []
        for clip in held_out_clips(corpus / "dev", 2):
            codes = codec.encode(torch.from_numpy(clip.wav)[None, None], 1)
            decoded = codec.decode(codes, len(clip.wav))[0, 0].clamp(-1, 1).numpy()
            distances.append(MelDistance()(decoded, clip.wav, 24000)[0])
        # Weights are kept in half precision: some codes differ.
        assert outcomes[0].rates[0].scores["mel distance"] == pytest.approx(sum(distances) / 2, rel=0.05)

    def test_cells_start_from_the_same_networks_and_hear_the_same(self, ran: tuple) -> None:
        """Two cells of a seed name one start and differ in their quantizer alone; another seed has another start."""
        _, (base, learned, other, _), _ = ran
        assert base.config.start == learned.config.start != other.config.start
        assert base.config.codec.backbone == learned.config.codec.backbone
        same = {"name": "", "codec": base.config.codec}
        assert dataclasses.replace(base.config, **same) == dataclasses.replace(learned.config, **same)
        assert base.config.start.parts == ("encoder", "decoder")

    def test_the_same_cell_gives_the_same_figures(self, ran: tuple, tiny: Grid, corpus: Path, tmp_path: Path) -> None:
        again = next(iter(bench.outcomes(bench.plan(tiny, corpus, tmp_path)[:1])))
        assert dataclasses.replace(again, seconds=0.0) == dataclasses.replace(ran[2][0], seconds=0.0)


class TestResume:
    def test_what_is_finished_stands_and_is_what_was_found(self, ran: tuple) -> None:
        _, tasks, outcomes = ran
        assert [bench.finished(task) for task in tasks] == outcomes

    def test_a_failure_is_tried_again_and_another_budget_is_another_cell(
        self, ran: tuple, corpus: Path, tmp_path: Path
    ) -> None:
        _, tasks, _ = ran
        folder = tasks[0].folder.parents[1]
        longer = parse_grid({**TINY, "training": {**TINY["training"], "phases": {"0": {"steps": 5}}}})
        assert bench.finished(bench.plan(longer, corpus, folder)[0]) is None
        fewer = parse_grid({**TINY, "clips": 1})
        assert bench.finished(bench.plan(fewer, corpus, folder)[0]) is None
        failed = dataclasses.replace(tasks[0], result=tmp_path / "failed.json")
        (tmp_path / "failed.json").write_text(tasks[0].result.read_text().replace('"done"', '"failed"'))
        assert bench.finished(failed) is None

    def test_an_unreadable_result_is_named(self, ran: tuple, tmp_path: Path) -> None:
        (tmp_path / "cut.json").write_text(ran[1][0].result.read_text()[:50])
        with pytest.raises(UsageError, match=r"cut\.json: not of this version .*; remove it"):
            read_outcome(tmp_path / "cut.json")


class TestFailures:
    @pytest.mark.parametrize(
        ("estimator", "status", "reason"),
        [(exploding, DIVERGED, r"is not finite"), (failing, FAILED, r"RuntimeError: shapes do not fit")],
    )
    def test_it_is_recorded_and_the_next_cell_runs(
        self,
        corpus: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        estimator: object,
        status: str,
        reason: str,
    ) -> None:
        monkeypatch.setattr("kvant.codecs.ablation.arrangements.GRADIENTS", (*GRADIENTS, exploding, failing))
        group = {"question": "?", "cells": [{"gradient": estimator.__name__}, {"gradient": "rotation_trick"}]}
        tasks = bench.plan(parse_grid({**TINY, "groups": [group]}), corpus, tmp_path)[1:]
        broken, sound = bench.outcomes(tasks)
        assert (broken.status, sound.status) == (status, DONE)
        assert reason in broken.reason
        assert broken.rates == ()
        assert json.loads(tasks[0].result.read_text())["status"] == status
        again = bench.finished(tasks[0])
        assert (again is not None and again.reason == broken.reason) is (status == DIVERGED)

    def test_a_process_of_its_own_tells_what_went_wrong_and_its_death_is_noticed(
        self, tiny: Grid, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """First it finds a start that is no model, then it dies of a task it cannot run."""
        task, *_ = bench.plan(tiny, corpus, tmp_path)
        Path(task.config.start.checkpoint).parent.mkdir()
        Path(task.config.start.checkpoint).write_bytes(b"nothing")
        (outcome,) = bench.outcomes([task], jobs=2)
        assert outcome.status == FAILED
        assert outcome.reason.startswith("ModelError: ")
        task.result.unlink()
        monkeypatch.setattr(bench, "_run_quietly", os._exit)
        assert list(bench.outcomes([task], jobs=2)) == [read_outcome(task.result)]
        assert read_outcome(task.result).reason == "its process died with exit code 1"

    def test_what_cannot_be_made_is_known_before_anything_runs(self, corpus: Path, tmp_path: Path) -> None:
        group = {"cells": [{"gradient": "DiVeQ(s=1)"}]}
        with pytest.raises(UsageError, match=r"cell 'DiVeQ\(s=1\)': gradient DiVeQ\(s=1\): no argument s"):
            bench.plan(parse_grid({**TINY, "groups": [group]}), corpus, tmp_path)
        assert not list(tmp_path.iterdir())
