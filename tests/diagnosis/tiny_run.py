"""Runs of seconds to be sabotaged: the real loop, a small codec and corpus, and the doctor looking on."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from kvant.codec import Codec
from kvant.codecs import CODECS, frame
from kvant.training import loop
from kvant.training.closed_form import solve
from kvant.training.config import AdversaryConfig, LogConfig, LossWeights, Phase
from kvant.training.diagnosis.records import read_records
from kvant.training.diagnosis.symptom import Symptom
from kvant.training.diagnosis.symptoms import diagnose
from kvant.training.log import Log
from kvant.training.run import Run
from tests.speech import speech
from tests.torch import small_run
from tests.torch.small_run import CODEC

EVERY = 3
"""Steps from record to record."""


def small_codec() -> Codec:
    """The small codec at its closed form."""
    torch.manual_seed(0)
    codec = frame.build(CODEC)
    solve(codec, speech(0.25, batch=40, seed=99))
    return codec.train()


def phase(steps: int, learning_rate: float = 1e-3, adversary: AdversaryConfig | None = None) -> Phase:
    """Both learning rates stay at their peak, or nearly."""
    optim = dataclasses.replace(small_run.phase().optim, learning_rate=learning_rate, final=1.0)
    return small_run.phase(steps, adversary=adversary, optim=optim)


class Sabotage:
    """`train` runs the loop and returns the symptoms that stand in its records at the end."""

    def __init__(self, corpus: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.corpus, self.run, self.monkeypatch = corpus, run, monkeypatch
        monkeypatch.setattr(Log, "validate", lambda self, step: None)
        monkeypatch.setattr(Run, "settle", lambda self, index: None)

    def spoil(self, change: Callable[[Codec], None]) -> None:
        """Every codec that is built from now on is changed."""

        def build(config: frame.Config) -> Codec:
            codec = frame.build(config)
            change(codec)
            return codec

        self.monkeypatch.setitem(CODECS, "frame", (frame.Config, build))

    def train(self, *phases: Phase, **weights: float) -> Sequence[Symptom]:
        config = dataclasses.replace(
            small_run.config(self.corpus, *phases),
            log=LogConfig(every=EVERY),
            weights=dataclasses.replace(LossWeights(), **weights),
            dropout=0.0,
        )
        loop.train(config, self.run)
        return diagnose(read_records(self.run / "health.jsonl"))
