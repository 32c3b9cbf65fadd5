"""A training run of seconds: synthetic corpus, a codec and a discriminator of a few thousand weights."""

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from kvant.codecs import frame
from kvant.discriminators import FrequencyChannelsDiscriminator
from kvant.layers.context import ContextConfig
from kvant.layers.spectral_features import FeatureConfig
from kvant.model_file import digest, read_model_file
from kvant.training.adversary import JUDGES
from kvant.training.config import AdversaryConfig, LogConfig, OptimConfig, Phase, TrainingConfig
from kvant.training.gan_step import GanStep
from kvant.training.run import Run
from kvant.training.run_state import RunState
from tests.speech import speech

JUDGES["small"] = functools.partial(FrequencyChannelsDiscriminator, (256, 512), 8)
Enlist = Callable[..., tuple[Run, GanStep, RunState]]
ADVERSARY = AdversaryConfig("small", learning_rate=3e-3)
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
        log=LogConfig(every=10, validate_every=10, checkpoint_minutes=checkpoint_minutes),
    )


def two_phases(corpus: Path, checkpoint_minutes: float = 60.0) -> TrainingConfig:
    """6 steps of everything by losses of signals, then 6 of the decoder alone, balanced, against an adversary."""
    second = phase(6, trains=("decoder",), adversary=ADVERSARY, balanced=True)
    return config(corpus, phase(6), second, checkpoint_minutes=checkpoint_minutes)


def copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def changed(before: dict[str, Tensor], module: nn.Module) -> set[str]:
    """Names of what is no longer `copied` bit for bit."""
    return {name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])}


def assert_same(run: Path, other: Path) -> None:
    """Weights, statistics, optimizer moments, random numbers, history and published model are equal bit for bit."""
    left, right = (load_file(folder / "state.safetensors") for folder in (run, other))
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []
    models = [read_model_file(folder / "model.safetensors") for folder in (run, other)]
    assert models[0].metadata == models[1].metadata
    assert digest(models[0].tensors) == digest(models[1].tensors)
    assert (run / "history.jsonl").read_bytes() == (other / "history.jsonl").read_bytes()
