"""What a training run depends on, in one frozen, JSON-able value."""

from dataclasses import dataclass, field
from typing import Any

from kvant.codecs import CODECS, frame
from kvant.errors import UsageError

PARTS = ("encoder", "quantizer", "decoder")


def check_least(config: Any, **least: float) -> None:
    """UsageError, naming the field, where one of `config` is less than the number given for it."""
    for name, bound in least.items():
        if not getattr(config, name) >= bound:
            raise UsageError(f"{name} must be at least {bound}, not {getattr(config, name)}")


@dataclass(frozen=True)
class LossWeights:
    """Weights of the unweighted losses that codec, quantizer, `losses` and the adversary report."""

    mel: float = 2.0
    loudness: float = 30.0
    disturbance: float = 2.0
    log_magnitude: float = 4.0
    complex_stft: float = 25.0
    commitment: float = 6.0
    codebook: float = 1.0
    entropy: float = 0.1
    wasserstein: float = 0.1
    adversarial: float = 1.0
    feature_matching: float = 10.0


@dataclass(frozen=True)
class OptimConfig:
    """AdamW with linear warm-up, cosine decay to `final` of the peak, and gradient clipping.

    `transform_scale` multiplies the learning rate of the KLT matrices, which start at their solution; `encoder_scale`
    that of the encoder's network, whose latents must not run away from the codebooks that follow them; `codebook_scale`
    that of what codebooks learn by gradients, which must keep up with latents.
    """

    learning_rate: float = 8e-4
    final: float = 0.01
    warmup_steps: int = 300
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 1e-3
    max_gradient_norm: float = 1.0
    transform_scale: float = 0.1
    encoder_scale: float = 0.3
    codebook_scale: float = 1.0

    def __post_init__(self) -> None:
        check_least(self, warmup_steps=0)


@dataclass(frozen=True)
class AdversaryConfig:
    """Who judges. `loss`: hinge or least_squares. The discriminator learns at every `every`-th step, the codec always.

    It uses the schedule, betas, weight decay and clipping of its phase, at a learning rate of its own.
    """

    discriminator: str = "frequency_channels"
    loss: str = "hinge"
    learning_rate: float = 3e-4
    every: int = 1

    def __post_init__(self) -> None:
        check_least(self, every=1)


@dataclass(frozen=True)
class Phase:
    """One stretch of a run, with its own schedule and its own optimizers.

    `trains`: parts of the codec that learn; without the encoder and the quantizer, codes stay what they are. Without an
    `adversary` the losses of signals alone decide. accumulate: parts that a batch is taken in, to save memory.
    balanced: weights are shares of the gradient at the codec's output (`losses.balancer`), the quantizer's excepted.
    """

    steps: int
    trains: tuple[str, ...] = PARTS
    adversary: AdversaryConfig | None = None
    batch_size: int = 16
    seconds: float = 1.0
    accumulate: int = 1
    balanced: bool = False
    optim: OptimConfig = field(default_factory=OptimConfig)

    def __post_init__(self) -> None:
        check_least(self, steps=0, batch_size=1, accumulate=1)
        if not self.seconds > 0:
            raise UsageError(f"seconds must be more than 0, not {self.seconds}")
        if not self.trains or set(self.trains) - set(PARTS):
            raise UsageError(f"trains must be some of {', '.join(PARTS)}, not {','.join(self.trains) or 'none'}")


@dataclass(frozen=True)
class StartConfig:
    """Weights to start from instead of the closed form: `parts` of a model file, a run's folder, or a shipped model.

    Tensors of another shape stay as built: so an encoder of another size takes the place of the published one.
    """

    checkpoint: str = ""
    parts: tuple[str, ...] = PARTS


@dataclass(frozen=True)
class LogConfig:
    """What a run writes, and how often, in steps and minutes."""

    every: int = 50
    validate_every: int = 500
    checkpoint_minutes: float = 5.0

    def __post_init__(self) -> None:
        check_least(self, every=1, validate_every=1, checkpoint_minutes=0)


@dataclass(frozen=True)
class TrainingConfig:
    """One run. depths, dropout: of the `StructuredDropout` of levels; all depths there are make it a uniform one.

    Depths beyond the codec's are left out. average_decay: of the running mean of weights that is validated and
    published. precision: no or bf16. refit: whether codebooks are refitted after a phase that taught them, those of a
    `ResidualQuantizer`, which alone can be; others, and those of an ablation, stay as they were learnt.
    """

    name: str
    corpus: str
    phases: tuple[Phase, ...]
    codec: Any = field(default_factory=frame.Config)
    architecture: str = "frame"
    start: StartConfig = field(default_factory=StartConfig)
    depths: tuple[int, ...] = (1, 2, 4)
    dropout: float = 0.75
    average_decay: float = 0.999
    weights: LossWeights = field(default_factory=LossWeights)
    solve_segments: int = 960
    refit: bool = True
    seed: int = 0
    threads: int = 2
    precision: str = "no"
    log: LogConfig = field(default_factory=LogConfig)
    record: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_least(self, solve_segments=1, threads=1)
        if not self.phases:
            raise UsageError("phases must be one or more")
        if not self.depths or min(self.depths) < 1:
            raise UsageError(f"depths must be numbers of levels, from 1 on, not {self.depths}")
        if self.architecture not in CODECS:
            raise UsageError(f"architecture must be one of {', '.join(CODECS)}, not {self.architecture}")
        if not isinstance(self.codec, CODECS[self.architecture][0]):
            made = f"{type(self.codec).__module__}.{type(self.codec).__qualname__}"
            raise UsageError(
                f"architecture {self.architecture} is not built from a {made}; set codec to its own Config"
            )

    @property
    def steps(self) -> int:
        """Of all phases."""
        return sum(phase.steps for phase in self.phases)

    def seconds_heard(self, step: int) -> float:
        """Audio that the first `step` steps take, over all processes."""
        heard = 0.0
        for phase in self.phases:
            taken = min(step, phase.steps)
            heard += taken * phase.batch_size * phase.seconds
            step -= taken
        return heard
