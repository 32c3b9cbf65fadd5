"""Loudness distance: band energies compared after the ear's power law, so that errors count where they are heard."""

from torch import Tensor, nn

from kvant.losses.mel import mel_filters
from kvant.losses.stft import stft


class LoudnessLoss(nn.Module):
    """Mean | E(x)^0.23 - E(y)^0.23 | over mel bands and frames, E the band energy (Zwicker's specific-loudness law).

    Where a logarithm asks the codec to match a faint band as exactly as a loud one, the power law lets it spend its
    bits on what stands out. `floor` is the energy of the threshold in quiet.
    """

    filters: Tensor

    def __init__(
        self,
        sample_rate: int,
        window_length: int = 768,
        num_mels: int = 48,
        exponent: float = 0.23,
        floor: float = 1e-7,
    ) -> None:
        super().__init__()
        self.window_length = window_length
        self.exponent = exponent
        self.floor = floor
        self.register_buffer("filters", mel_filters(sample_rate, window_length, num_mels), persistent=False)

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """estimate, reference: [B, 1, N]."""
        x, y = (self.loudness(wav.squeeze(1)) for wav in (estimate, reference))
        return (x - y).abs().mean()

    def loudness(self, wav: Tensor) -> Tensor:
        """[B, frames, mels] of wav [B, N]."""
        spectrum = stft(wav, self.window_length)
        power = (spectrum.real.square() + spectrum.imag.square()).transpose(1, 2)
        return (power @ self.filters + self.floor).pow(self.exponent)
