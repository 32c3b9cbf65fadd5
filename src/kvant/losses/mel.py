"""Multi-resolution log-mel distance: how far two spectra are as hearing would tell, whatever their phases."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kvant.layers.mel import mel_triangles
from kvant.losses.stft import stft


def mel_filters(sample_rate: int, window_length: int, num_mels: int) -> Tensor:
    """[bins, num_mels] triangles of unit area, equally spaced on the mel scale 2595 log10(1 + f/700), 0 to Nyquist."""
    triangles = mel_triangles(sample_rate, window_length, num_mels)
    return (triangles / triangles.sum(0).clamp(min=1e-9)).float()


class MelLoss(nn.Module):
    """Mean |log10 M(x) - log10 M(y)| over bands, frames and window lengths (as Kumar et al., 2023, section 3.4).

    M: mel bands of the magnitude spectrum, floored at `floor` so that silence is not a cliff.
    """

    def __init__(
        self,
        sample_rate: int,
        window_lengths: Sequence[int] = (256, 512, 1024, 2048),
        num_mels: Sequence[int] = (20, 40, 60, 80),
        floor: float = 1e-4,
    ) -> None:
        super().__init__()
        self.window_lengths = tuple(window_lengths)
        self.floor = floor
        for length, mels in zip(window_lengths, num_mels, strict=True):
            self.register_buffer(f"filters_{length}", mel_filters(sample_rate, length, mels), persistent=False)

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """estimate, reference: [B, 1, N]."""
        total = estimate.new_zeros(())
        for length in self.window_lengths:
            x, y = (self.log_mel(wav.squeeze(1), length) for wav in (estimate, reference))
            total = total + (x - y).abs().mean()
        return total / len(self.window_lengths)

    def log_mel(self, wav: Tensor, window_length: int) -> Tensor:
        """[B, frames, mels] of wav [B, N]."""
        spectrum = stft(wav, window_length)
        magnitude = (spectrum.real.square() + spectrum.imag.square() + 1e-12).sqrt()
        filters = getattr(self, f"filters_{window_length}")
        return torch.log10((magnitude.transpose(1, 2) @ filters).clamp(min=self.floor))
