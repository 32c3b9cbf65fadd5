"""Perceived disturbance: the loudness differences that PESQ counts, with masking and asymmetry, as a loss."""

import torch
from torch import Tensor, nn

from kvant.losses.stft import stft

REFERENCE_POWER = 1e7  # mean power of active speech, in units in which 40 dB SPL are 1e4
QUIETEST = 1e-2  # power of a recording at -46 dBFS: what is quieter is not speech, and is not raised to its level
ONE_SONE = 1.866055e-1  # P.862: loudness of a 1 kHz tone of 40 dB SPL is 1 sone


def bark(frequency: Tensor) -> Tensor:
    """Critical-band rate (Schroeder, 1977) of a frequency in Hz."""
    return 7 * torch.asinh(frequency / 650)


def hearing_threshold(frequency: Tensor) -> Tensor:
    """Power of the threshold in quiet (Terhardt, 1979) in units of 0 dB SPL; frequency in Hz."""
    khz = frequency / 1000
    decibels = 3.64 * khz**-0.8 - 6.5 * torch.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
    return 10 ** (decibels / 10)


def root_mean_square(values: Tensor) -> Tensor:
    """Over the last axis, with a finite slope at zero."""
    return (values.square().mean(-1) + 1e-6).sqrt() - 1e-3


class DisturbanceLoss(nn.Module):
    """0.1 D + 0.0309 DA of PESQ's perceptual model (ITU-T P.862, 2001, sections 10.2.3 to 10.2.9), differentiable.

    Loudness is L = c (T / 0.5)^g ((0.5 + 0.5 P / T)^g - 1) per band, with P its power, T the threshold in quiet. The
    difference counts where it exceeds a quarter of the smaller loudness (masking); power that the estimate *adds*
    counts again, by the ratio of powers to the 1.2 (asymmetry). Bands and threshold follow from formulas, and
    signals are compared as they are: PESQ's compensation of gain, filtering and delay is left out. Frames are joined by
    a root mean square over the whole signal, not as P.862 does by an L6 norm over split seconds and an L2 over those.
    A frame counts for at most 45, beyond which it has no slope. Bands above the Nyquist frequency hold nothing.
    """

    bands: Tensor
    threshold: Tensor
    exponent: Tensor
    width: float

    def __init__(self, sample_rate: int, num_bands: int = 49, lowest: float = 100, highest: float = 8000) -> None:
        super().__init__()
        self.window_length = round(0.032 * sample_rate / 4) * 4
        spacing = sample_rate / self.window_length
        limits = bark(torch.tensor([lowest, highest]))
        edges = 650 * torch.sinh(torch.linspace(float(limits[0]), float(limits[1]), num_bands + 1) / 7)
        bins = torch.arange(self.window_length // 2 + 1)[:, None] * spacing
        overlap = torch.minimum(bins + spacing / 2, edges[1:]) - torch.maximum(bins - spacing / 2, edges[:-1])
        self.register_buffer("bands", overlap.clamp(min=0) / spacing, persistent=False)
        centres = (edges[1:] + edges[:-1]) / 2
        self.register_buffer("threshold", hearing_threshold(centres), persistent=False)
        rate = bark(centres)
        self.register_buffer("exponent", 0.23 * (6 / (rate + 2)).clamp(1, 2) ** 0.15, persistent=False)
        self.width = float(limits[1] - limits[0]) / num_bands

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """estimate, reference: [B, 1, N]."""
        decoded, original = (self.power(wav.squeeze(1)) for wav in (estimate, reference))
        scale = REFERENCE_POWER / original.sum(-1).mean(-1).clamp(min=QUIETEST)[:, None, None]
        return self.disturbance(decoded * scale, original * scale)

    def disturbance(self, decoded: Tensor, original: Tensor) -> Tensor:
        """The loss by powers [B, frames, bands] of estimate and reference, at the level of speech."""
        heard, meant = self.loudness(decoded), self.loudness(original)
        masked = 0.25 * torch.minimum(heard, meant)
        difference = torch.relu((heard - meant).abs() - masked)
        ratio = ((decoded + 50) / (original + 50)).detach() ** 1.2
        asymmetry = torch.where(ratio < 3, 0, ratio.clamp(max=12))
        weight = ((original.sum(-1) + 1e5) / 1e7) ** 0.04
        bands = len(self.threshold)
        symmetric = self.width * bands * root_mean_square(difference) / weight
        added = self.width * (difference * asymmetry).sum(-1) / weight
        total = 0.1 * root_mean_square(symmetric.clamp(max=45)) + 0.0309 * root_mean_square(added.clamp(max=45))
        return total.mean()

    def power(self, wav: Tensor) -> Tensor:
        """[B, frames, bands] of wav [B, N]."""
        spectrum = stft(wav, self.window_length)[..., ::2]
        return (spectrum.real.square() + spectrum.imag.square()).transpose(1, 2) @ self.bands

    def loudness(self, power: Tensor) -> Tensor:
        """Sone per Bark of power [..., bands], 0 below the threshold."""
        above = (0.5 + 0.5 * power / self.threshold) ** self.exponent - 1
        return ONE_SONE * (self.threshold / 0.5) ** self.exponent * torch.relu(above)
