"""Group b: b4 whole; the others small, that they run on a corpus, are the same twice, and measure what they say."""

from math import log10
from pathlib import Path

import numpy as np
import pytest
import torch

from kvant.lab import b1_collapse_on_demand as b1
from kvant.lab import b2_remedies_ladder as b2
from kvant.lab import b3_restart_threshold_trap as b3
from kvant.lab import b4_entropy_bias as b4
from kvant.lab import b5_dropout_dose as b5
from kvant.lab import latents
from kvant.lab.bench import Bench
from kvant.lab.codebook_trial import Teaching, examine, halves, teach
from kvant.lab.figure import render
from kvant.lab.rungs import LEVELS, RUNGS
from kvant.quantizers import EMACodebook, LearnedCodebook, VectorQuantizer
from kvant.quantizers.gradients import straight_through


@pytest.fixture
def bench(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A few seconds of speech, small codebooks and a few steps are enough."""
    monkeypatch.setattr(latents, "SECONDS", 8.0)
    for module in (b1, b2, b3, b5):
        monkeypatch.setattr(module, "SECONDS", 8.0)
        monkeypatch.setattr(module, "EXAMINED", 4.0)
    monkeypatch.setattr(b1, "SIZES", (16, 64))
    monkeypatch.setattr(b1, "TEACHING", Teaching(steps=4, batch=32))
    monkeypatch.setattr(b2, "SIZES", {16: (6, 32), 64: (6, 32)})
    for size in b2.SIZES:
        monkeypatch.setitem(LEVELS, size, (4, size // 4))
    monkeypatch.setattr(b3, "SIZE", 32)
    monkeypatch.setattr(b3, "STEPS", 12)
    monkeypatch.setattr(b3, "BATCHES", (16, 32, 256, 4096))
    monkeypatch.setattr(b5, "STEPS", 3)
    monkeypatch.setattr(b5, "TWINS", 2)
    return Bench(0, corpus)


@pytest.mark.parametrize("module", [b1, b2, b3, b5])
def test_it_runs_and_is_the_same_twice(module: object, bench: Bench) -> None:
    first, again = (module.EXPERIMENT.run(bench) for _ in range(2))  # type: ignore[attr-defined]
    assert first.rows == again.rows
    assert first.seen == again.seen
    assert len(render(first.draw)) > 10_000


def test_b2_has_every_remedy_at_every_size(bench: Bench) -> None:
    rows = b2.EXPERIMENT.run(bench).rows
    assert [(row["size"], row["remedy"]) for row in rows] == [(size, name) for size in (16, 64) for name in RUNGS]
    assert {row["codes"] for row in rows} == {16, 64}


def test_b3_churns_where_a_batch_has_too_few_latents(bench: Bench) -> None:
    restarts = {(row["rule"], row["batch"]): float(row["restarts"]) for row in b3.EXPERIMENT.run(bench).rows}
    assert restarts["absolute", 16] == restarts["absolute", 32] == pytest.approx(32 * 11 / 12)  # none at the first step
    assert restarts["absolute", 4096] < 8
    assert all(restarts["none", batch] == 0 for batch in b3.BATCHES)


@pytest.mark.parametrize("seed", [0, 1])
def test_b4_finds_what_it_claims(seed: int) -> None:
    finding = b4.EXPERIMENT.run(Bench(seed))
    assert [check.claim for check in finding.checks if not check.holds] == []
    assert len(render(finding.draw)) > 10_000


def test_b4_is_the_same_twice_and_another_with_another_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(b4, "DRAWS", 3)
    first, again, other = (b4.EXPERIMENT.run(Bench(seed)).rows for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_b4_predicts_as_miller_does() -> None:
    assert b4.predicted(4) == pytest.approx(-1023 / (2 * 4096 * np.log(2)))
    assert b4.bits(np.array([0.5, 0.25, 0.25])) == 1.5


def test_health_of_a_codebook_that_is_known() -> None:
    codebook = EMACodebook(4, 2)
    vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0], [9.0, 9.0], [-9.0, 9.0]])
    codebook.replace(torch.ones(4, dtype=torch.bool), vectors)
    rows = vectors[:2].repeat(400, 1) * 1.5
    health = examine(VectorQuantizer(codebook, straight_through, ()), rows)
    assert health.used == 0.5
    assert health.perplexity == pytest.approx(0.5, rel=1e-3)  # and Miller's correction, 1 / (2 n ln 2) bits
    assert health.distortion == pytest.approx(10 * log10(0.25 / 2.25), abs=1e-5)


def test_teaching_moves_vectors_to_the_latents_they_win() -> None:
    torch.manual_seed(0)
    rows = torch.tensor([[5.0, 0.0], [-5.0, 0.0]]).repeat(50, 1)
    codebook = LearnedCodebook(2, 2)
    with torch.no_grad():
        codebook.weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))
    teach(VectorQuantizer(codebook, straight_through, ()), rows, Teaching(400, 16, rate=0.05), seed=0)
    assert codebook.weight.detach() == pytest.approx(rows[:2], abs=0.05)


def test_halves_share_no_latent(bench: Bench) -> None:
    heard, unheard = halves(bench, 8.0, 4.0)
    assert (len(heard), len(unheard)) == (600, 300)
    whole = bench.frames(12.0)
    assert torch.equal(heard, whole[:600])
    assert torch.equal(unheard.sort(0).values, whole[600:].sort(0).values)
    assert not torch.equal(unheard, whole[600:])
