"""What a training run depends on, in one frozen, JSON-able value."""

from dataclasses import dataclass, field
from typing import Any

from kvant.codecs import frame


@dataclass(frozen=True)
class LossWeights:
    """Weights of the unweighted losses that codec, quantizer and `losses` report."""

    mel: float = 2.0
    loudness: float = 60.0
    log_magnitude: float = 4.0
    complex_stft: float = 25.0
    commitment: float = 6.0
    codebook: float = 1.0


@dataclass(frozen=True)
class OptimConfig:
    """AdamW with linear warm-up, cosine decay to `final` of the peak, gradient clipping, and an average of weights.

    `transform_scale` multiplies the learning rate of the KLT matrices, which start at their solution; `encoder_scale`
    that of the encoder's network, whose latents must not run away from the codebooks that follow them.
    """

    learning_rate: float = 8e-4
    final: float = 0.01
    warmup_steps: int = 300
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 1e-3
    max_gradient_norm: float = 1.0
    transform_scale: float = 0.1
    encoder_scale: float = 0.3
    average_decay: float = 0.999


@dataclass(frozen=True)
class TrainingConfig:
    """One run. Depths: how many levels an item uses when level dropout strikes (probability `dropout`); else all."""

    name: str
    corpus: str
    steps: int
    codec: Any = field(default_factory=frame.Config)
    architecture: str = "frame"
    batch_size: int = 16
    seconds: float = 1.0
    depths: tuple[int, ...] = (1, 2, 4)
    dropout: float = 0.75
    weights: LossWeights = field(default_factory=LossWeights)
    optim: OptimConfig = field(default_factory=OptimConfig)
    solve_segments: int = 960
    seed: int = 0
    threads: int = 2
    log_every: int = 50
    validate_every: int = 500
    checkpoint_minutes: float = 5.0
    record: dict[str, Any] = field(default_factory=dict)
