"""The loss of phase A: mels, loudness and spectra in the recording's own band, and what the quantizer asks for."""

import dataclasses

from torch import Tensor, nn

from kvant.codec import Codec
from kvant.data import Batch
from kvant.losses import ComplexSTFTLoss, LogMagnitudeLoss, LoudnessLoss, MelLoss
from kvant.losses.band_limit import band_limit
from kvant.training.config import LossWeights


class Objective(nn.Module):
    """(codec, batch, depths) -> (weighted sum, every loss unweighted by name)."""

    def __init__(self, weights: LossWeights, sample_rate: int) -> None:
        super().__init__()
        self.weights = dataclasses.asdict(weights)
        self.sample_rate = sample_rate
        self.mel = MelLoss(sample_rate, (512, 2048), (40, 80))
        self.loudness = LoudnessLoss(sample_rate)
        self.log_magnitude = LogMagnitudeLoss()
        self.complex_stft = ComplexSTFTLoss((256, 1024))

    def forward(self, codec: Codec, batch: Batch, num_codebooks: int | Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        reconstruction = codec(batch.wav, num_codebooks)
        estimate = band_limit(reconstruction.wav, batch.bandwidth, self.sample_rate)
        reference = band_limit(batch.wav, batch.bandwidth, self.sample_rate)
        losses = {
            "mel": self.mel(estimate, reference),
            "loudness": self.loudness(estimate, reference),
            "log_magnitude": self.log_magnitude(estimate, reference),
            "complex_stft": self.complex_stft(estimate, reference),
            **reconstruction.quantized.losses,
        }
        total = estimate.new_zeros(())
        for name, loss in losses.items():
            total = total + self.weights[name] * loss
        return total, {name: loss.detach() for name, loss in losses.items()}
