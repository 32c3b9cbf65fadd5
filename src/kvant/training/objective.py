"""What training minimises: spectra, loudness and disturbance in the recording's own band, and the quantizer's terms."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn

from kvant.codec import Reconstruction
from kvant.data import Batch
from kvant.losses import (
    ComplexSTFTLoss,
    DisturbanceLoss,
    GradientBalancer,
    LogMagnitudeLoss,
    LoudnessLoss,
    MelLoss,
)
from kvant.losses.band_limit import band_limit
from kvant.training.config import LossWeights

PASSBAND = 0.483
"""Share of the sampling rate below which resamplers let a recording pass: above, a discriminator would learn theirs."""


OF_QUANTIZERS = ("commitment", "codebook", "entropy", "wasserstein")
"""Losses that do not pass the output: a balancer of gradients there leaves them alone."""


class Compared(NamedTuple):
    """What losses and discriminators hear, both [B, 1, N] within the bandwidth of each recording."""

    estimate: Tensor
    reference: Tensor


class Objective(nn.Module):
    """(reconstruction, batch) -> every loss unweighted by name; `weighted` multiplies them, their sum is minimised."""

    def __init__(self, weights: LossWeights, sample_rate: int) -> None:
        super().__init__()
        self.weights = dataclasses.asdict(weights)
        self.sample_rate = sample_rate
        self.mel = MelLoss(sample_rate, (512, 2048), (40, 80))
        self.loudness = LoudnessLoss(sample_rate)
        self.disturbance = DisturbanceLoss(sample_rate)
        self.log_magnitude = LogMagnitudeLoss()
        self.complex_stft = ComplexSTFTLoss((256, 1024))

    def compared(self, wav: Tensor, batch: Batch) -> Compared:
        """A decoded wav beside its recording."""
        bandwidth = batch.bandwidth.clamp(max=PASSBAND * self.sample_rate)
        return Compared(*(band_limit(each, bandwidth, self.sample_rate) for each in (wav, batch.wav)))

    def forward(self, reconstruction: Reconstruction, batch: Batch) -> dict[str, Tensor]:
        """Losses of signals, and those of the quantizer."""
        return self.of_signals(*self.compared(reconstruction.wav, batch)) | reconstruction.quantized.losses

    def of_signals(self, estimate: Tensor, reference: Tensor) -> dict[str, Tensor]:
        """estimate, reference: [B, 1, N]."""
        return {
            "mel": self.mel(estimate, reference),
            "loudness": self.loudness(estimate, reference),
            "disturbance": self.disturbance(estimate, reference),
            "log_magnitude": self.log_magnitude(estimate, reference),
            "complex_stft": self.complex_stft(estimate, reference),
        }

    def weighted(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each times its weight."""
        return {name: self.weights[name] * loss for name, loss in losses.items()}

    def balancer(self) -> GradientBalancer:
        """New, of the losses at the output; their weights are its shares."""
        return GradientBalancer({name: each for name, each in self.weights.items() if name not in OF_QUANTIZERS})

    def minimised(
        self, reconstruction: Reconstruction, losses: Mapping[str, Tensor], balancer: GradientBalancer | None
    ) -> Tensor:
        """The weighted sum of `losses`, which compare the output, and of the quantizer's.

        With a balancer, a scalar whose slope at the output is what the balancer makes of theirs. It is a mean over the
        batch, as losses are: an item's part has the norm `total_norm`, however many items and processes there are.
        """
        apart = sum(self.weighted(reconstruction.quantized.losses).values(), reconstruction.wav.new_zeros(()))
        if balancer is None:
            return sum(self.weighted(losses).values(), apart)
        gradient = balancer(losses, reconstruction.wav)
        return apart + (gradient * reconstruction.wav).sum() / len(gradient)
