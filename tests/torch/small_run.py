"""A training run of seconds: synthetic corpus, a codec of a few thousand weights. As a script, a run to be killed."""

import dataclasses
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

import kvant.files
from kvant.codecs import frame
from kvant.layers.context import ContextConfig
from kvant.layers.spectral_features import FeatureConfig
from kvant.training import loop
from kvant.training.config import LogConfig, OptimConfig, Phase, TrainingConfig
from kvant.training.run_state import RunState
from tests.speech import speech

CODEC = frame.Config(
    latent_dim=12,
    num_codebooks=3,
    codebook_size=32,
    features=FeatureConfig(num_bins=160, num_coefficients=48, num_bands=12),
    encoder=ContextConfig(channels=16, hidden=24, dilations=(1,)),
    decoder=ContextConfig(channels=16, hidden=24, dilations=(1,)),
)


def write_corpus(folder: Path) -> Path:
    """`train` and `dev`, each 8 clips of 1 s by 2 speakers."""
    for seed, part in enumerate(("train", "dev")):
        clips = speech(1.0, batch=8, seed=seed)
        (folder / part).mkdir(parents=True)
        np.save(folder / part / "audio.npy", (clips.numpy().ravel() * 32767).astype(np.int16))
        lines = [
            {"speaker": f"s{k % 2}", "language": "en", "offset": 24000 * k, "length": 24000, "bandwidth_hz": 12000}
            for k in range(8)
        ]
        (folder / part / "clips.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def phase(steps: int = 20, **changes: object) -> Phase:
    """Some steps of 4 quarters of a second."""
    optim = dataclasses.replace(OptimConfig(), learning_rate=3e-3, warmup_steps=2)
    return dataclasses.replace(Phase(steps=steps, batch_size=4, seconds=0.25, optim=optim), **changes)


def config(corpus: Path, *phases: Phase, checkpoint_minutes: float = 60.0) -> TrainingConfig:
    """One phase of 20 steps if none is given. `checkpoint_minutes` 0 saves after every step."""
    return TrainingConfig(
        name="small",
        corpus=str(corpus),
        phases=phases or (phase(),),
        codec=CODEC,
        depths=(1, 2),
        average_decay=0.7,
        solve_segments=40,
        threads=1,
        log=LogConfig(every=4, validate_every=8, checkpoint_minutes=checkpoint_minutes),
    )


def hang_inside_save(corpus: Path, run: Path, which: int) -> None:
    """Train, and stop for ever in save number `which`: bytes written, the file not yet in its place."""
    saves = 0
    save = RunState.save

    def hang(_: int) -> None:
        (run / "inside").touch()
        time.sleep(600)

    def counting(self: RunState, step: int) -> None:
        nonlocal saves
        saves += 1
        if saves == which:
            kvant.files.os = type("os", (), {**vars(os), "fsync": staticmethod(hang)})
        save(self, step)

    RunState.save = counting
    loop.train(config(corpus, checkpoint_minutes=0), run)


if __name__ == "__main__":
    hang_inside_save(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
