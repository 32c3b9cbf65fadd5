"""a3 and a4 small: that they run on a corpus, are the same twice, and measure what they say."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kvant.lab import a3_forget_the_copy as a3
from kvant.lab import a4_tiny_codec_per_estimator as a4
from kvant.lab import latents
from kvant.lab.bench import Bench
from kvant.lab.figure import render
from kvant.lab.latents import solve
from kvant.lab.tiny_codec import TinyCodec, Training, score, train
from kvant.quantizers import LearnedCodebook, ResidualQuantizer
from kvant.quantizers.gradients import straight_through

SMALL = Training(steps=12, items=4, frames=16, dropout=0.0)


@pytest.fixture
def bench(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A few seconds of speech are enough."""
    monkeypatch.setattr(latents, "SECONDS", 8.0)
    for module in (a3, a4):
        monkeypatch.setattr(module, "SECONDS", 8.0)
        monkeypatch.setattr(module, "HELD_OUT", 2.0)
        monkeypatch.setattr(module, "PLAN", SMALL)
    monkeypatch.setattr(a4, "SEEDS", 1)
    return Bench(0, corpus)


def test_a3_runs_and_is_the_same_twice(bench: Bench) -> None:
    first, again = (a3.EXPERIMENT.run(bench) for _ in range(2))
    assert first.rows == again.rows
    starts = {row["loss"] for row in first.rows if row["step"] == 5 and row["remedies"] == "no remedies"}
    assert len(starts) == 2
    assert len(render(first.draw)) > 10_000


def test_a4_runs_and_is_the_same_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = (a4.EXPERIMENT.run(bench) for _ in range(2))
    assert first.rows == again.rows
    assert [row["bitrate"] for row in first.rows[:3]] == [0.525, 1.05, 1.575]
    assert len({row["snr"] for row in first.rows if row["levels"] == 1}) == len(a4.ESTIMATORS)
    assert len(render(first.draw)) > 10_000


def test_forgetting_the_copy_leaves_the_encoder_without_the_task() -> None:
    z, q = torch.randn(5, 3, requires_grad=True), torch.randn(5, 3, requires_grad=True)
    assert torch.equal(a3.forgotten(z, q), q)
    assert not a3.forgotten(z, q).requires_grad


def test_a_codec_that_passes_its_frames_on_scores_what_the_transform_alone_loses() -> None:
    wav = np.concatenate(Bench().recordings())
    transform = solve(wav)
    codec = TinyCodec(ResidualQuantizer([LearnedCodebook(4, 64)] * 2, straight_through), 64).eval()
    codec.encoder, codec.decoder = torch.nn.Identity(), torch.nn.Identity()  # type: ignore[assignment]
    frames = transform.encode(wav)
    with torch.no_grad():
        codec.quantizer.codebooks[0].weight.copy_(frames[:4])  # type: ignore[attr-defined]
    judged = score(codec, transform, wav, 1)
    codes = codec.quantizer.encode(frames.T[None], 1)[0, 0]
    left = (frames - frames[codes]).square().mean() / frames.square().mean()
    assert judged.snr == pytest.approx(-10 * np.log10(left.item()), abs=1e-3)
    assert judged.left == pytest.approx(left.item(), rel=1e-4)
    assert (judged.bitrate, judged.used) == (0.15, len(codes.unique()))


def test_training_lowers_the_error_and_unguided_training_leaves_vectors_without_a_task_alone() -> None:
    wav = np.concatenate(Bench().recordings())
    frames = solve(wav).encode(wav)
    torch.manual_seed(0)
    quantizer = ResidualQuantizer([LearnedCodebook(8, 8)], straight_through, remedies=())
    codec, losses = TinyCodec(quantizer), []
    before = quantizer.codebooks[0].vectors.detach().clone()
    train(codec, frames, 0, Training(150, rate=3e-3, guided=False), lambda step, loss, codes: losses.append(loss))
    assert torch.equal(quantizer.codebooks[0].vectors, before)
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])
    assert not codec.training
