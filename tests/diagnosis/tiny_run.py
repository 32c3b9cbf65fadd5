"""A run of seconds to be sabotaged: a small codec from its closed form, a small discriminator, and the doctor."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from kvant.codec import Codec, Reconstruction
from kvant.codecs import frame
from kvant.data import Batch
from kvant.discriminators import FrequencyChannelsDiscriminator
from kvant.layers.context import ContextConfig
from kvant.layers.spectral_features import FeatureConfig
from kvant.losses import ComplexSTFTLoss, FeatureMatchingLoss, HingeLoss, LogMagnitudeLoss, MelLoss
from kvant.training.closed_form import solve
from kvant.training.diagnosis.doctor import Doctor
from kvant.training.diagnosis.symptom import Symptom
from tests.speech import speech

CODEC = frame.Config(
    latent_dim=12,
    num_codebooks=3,
    codebook_size=32,
    features=FeatureConfig(num_bins=160, num_coefficients=48, num_bands=12),
    encoder=ContextConfig(channels=16, hidden=24, dilations=(1,)),
    decoder=ContextConfig(channels=16, hidden=24, dilations=(1,)),
)

LOG_EVERY, BATCH = 3, 4

WEIGHTS = {"mel": 2.0, "log_magnitude": 4.0, "complex_stft": 25.0, "commitment": 6.0}
ADVERSARIAL = {**WEIGHTS, "adversarial": 1.0, "feature_matching": 2.0}


@functools.cache
def clips(seed: int) -> Tensor:
    """wav [BATCH, 1, N] of a quarter of a second."""
    return speech(0.25, batch=BATCH, seed=seed)


def small_codec() -> Codec:
    """The small codec at its closed form."""
    torch.manual_seed(0)
    codec = frame.build(CODEC)
    solve(codec, speech(0.25, batch=40, seed=99))
    return codec.train()


@dataclass
class TinyRun:
    """What a run depends on; each sabotage changes one of these.

    rates: learning rates of codec and discriminator. weights: of the losses by name; without `adversarial` among them
    there is no discriminator. judge_steps: of it, for each of the codec. ascend: the codec climbs its losses.
    """

    codec: Codec = field(default_factory=small_codec)
    rates: tuple[float, float] = (1e-3, 1e-3)
    weights: dict[str, float] = field(default_factory=lambda: WEIGHTS)
    gain: float = 1.0
    judge_steps: int = 1
    ascend: bool = False
    mel = MelLoss(24000, (512, 2048), (40, 80))
    log_magnitude = LogMagnitudeLoss()
    complex_stft = ComplexSTFTLoss((256, 1024))
    hinge, matching = HingeLoss(), FeatureMatchingLoss()

    def batch(self, index: int) -> Batch:
        return Batch(self.gain * clips(index % 12), torch.full((BATCH,), 12000.0))

    def losses(self, reconstruction: Reconstruction, batch: Batch) -> dict[str, Tensor]:
        """Weighted, by name."""
        terms = {
            **{
                name: getattr(self, name)(reconstruction.wav, batch.wav)
                for name in ("mel", "log_magnitude", "complex_stft")
            },
            **reconstruction.quantized.losses,
        }
        if "adversarial" in self.weights:
            fake, real = self.judge(reconstruction.wav), self.judge(batch.wav)
            terms |= {"adversarial": self.hinge.generator(fake), "feature_matching": self.matching(fake, real)}
        return {name: self.weights[name] * loss for name, loss in terms.items()}

    def train(self, folder: Path, steps: int, each_step: Callable[[], None] = lambda: None) -> Sequence[Symptom]:
        """Symptoms as they were reported, over `steps` steps with a record every `LOG_EVERY`."""
        torch.manual_seed(1)
        self.judge = FrequencyChannelsDiscriminator((512,), channels=16)
        adversarial = "adversarial" in self.weights
        codec_optimizer = torch.optim.AdamW(self.codec.parameters(), lr=self.rates[0], betas=(0.8, 0.99))
        judge_optimizer = torch.optim.AdamW(self.judge.parameters(), lr=self.rates[1], betas=(0.8, 0.99))
        self.doctor = Doctor(folder, self.codec, fixed=(self.batch(11), self.batch(0)))
        reported: list[Symptom] = []
        for step in range(steps):
            batch = self.batch(step % 11)
            for _ in range(self.judge_steps if adversarial else 0):
                with torch.no_grad():
                    wav = self.codec.eval()(batch.wav).wav
                    self.codec.train()
                judge_optimizer.zero_grad()
                self.hinge.discriminator(self.judge(batch.wav), self.judge(wav)).backward()
                judge_optimizer.step()
            codec_optimizer.zero_grad()
            total = sum(self.losses(self.codec(batch.wav), batch).values())
            (-total if self.ascend else total).backward()
            torch.nn.utils.clip_grad_norm_(self.codec.parameters(), 1.0)
            codec_optimizer.step()
            each_step()
            if (step + 1) % LOG_EVERY == 0:
                judges = {"judge": self.judge} if adversarial else {}
                reported += self.doctor(step + 1, batch, self.losses, {}, judges)
        return reported
