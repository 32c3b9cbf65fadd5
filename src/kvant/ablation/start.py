"""What all cells of a seed start from: the frame codec's transform in closed form, and the same random networks."""

import dataclasses
import hashlib
import json
from pathlib import Path

import torch

from kvant.checkpoint import save_codec
from kvant.codecs import frame
from kvant.data import Segments
from kvant.training.closed_form import solve_transform
from kvant.training.config import TrainingConfig

MAX_FRAMES = 60_000


def start_name(config: TrainingConfig, corpus: str) -> str:
    """Of the file: another for whatever it depends on. corpus: fingerprint of the training data."""
    kept = [dataclasses.asdict(config.codec.backbone), config.phases[0].seconds, config.solve_segments, corpus]
    return f"seed{config.seed}-{hashlib.sha256(json.dumps(kept).encode()).hexdigest()[:8]}.safetensors"


def make_start(config: TrainingConfig, path: Path) -> None:
    """Write the encoder and decoder that the cells of the seed of `config` start from, unless `path` is there.

    The transform is the one that training solves; codebooks are left to the remedies under test.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    codec = frame.build(config.codec.backbone)
    segments = Segments(Path(config.corpus) / "train", codec.sample_rate, config.phases[0].seconds, config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    solve_transform(codec, segments.batch(0, config.solve_segments).wav, MAX_FRAMES, generator)
    save_codec(path, codec, "frame", config.codec.backbone, {"name": f"start of seed {config.seed}"})
