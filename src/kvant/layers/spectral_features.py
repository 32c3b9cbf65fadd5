"""The features a classical transform codec would send for a frame, and the frame rebuilt from them.

The signs and sizes of the low bins carry the waveform where the ear follows it; above, and wherever bits run out, what
matters is how much energy each band holds, so each band's level is a feature too and the decoder fills what is missing
with noise (as noise substitution in transform codecs: Schulz, 1996; intelligent gap filling: Disch et al., 2016).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.layers.bands import Bands
from kvant.layers.compression import compress, expand

ENERGY_FLOOR = 1e-7
"""Energy per bin below which a band counts as silent: -70 dB of full scale."""


@dataclass(frozen=True)
class FeatureConfig:
    """num_bins of the transform; the first `num_coefficients` of them are coded, `num_bands` levels describe all."""

    num_bins: int = 320
    num_coefficients: int = 128
    num_bands: int = 20
    exponent: float = 0.6
    band_weight: float = 0.15
    nyquist: float = 12000.0

    @property
    def num_features(self) -> int:
        return self.num_coefficients + self.num_bands


class SpectralFeatures(nn.Module):
    """MDCT and MDST [..., 2 * bins] -> features [..., num_coefficients + num_bands], and back to amplitudes.

    Coefficients: compressed MDCT bins weighted by 1 / (1 + k/40), as hearing weights errors. Levels: half the log of
    each band's mean energy, weighted by `band_weight` against the coefficients.
    """

    weight: Tensor

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        self.bands = Bands(config.num_bins, config.num_bands, config.nyquist)
        weight = 1 / (1 + torch.arange(config.num_coefficients) / 40)
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, spectra: Tensor) -> Tensor:
        mdct, mdst = spectra.chunk(2, dim=-1)
        coefficients = compress(mdct[..., : self.config.num_coefficients], self.config.exponent) * self.weight
        levels = 0.5 * torch.log(self.bands.mean((mdct**2 + mdst**2) / 2) + ENERGY_FLOOR)
        return torch.cat([coefficients, levels * self.config.band_weight], dim=-1)

    def restore(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features -> (coefficients [..., num_coefficients], missing [..., bins], envelope [..., bins]).

        coefficients: the coded MDCT bins. missing: RMS amplitude of what each bin lacks to reach
        its band's energy. envelope: RMS amplitude of the band itself.
        """
        coded, levels = features.split([self.config.num_coefficients, self.config.num_bands], dim=-1)
        coefficients = expand(coded / self.weight, self.config.exponent)
        uncoded = self.config.num_bins - self.config.num_coefficients
        energy = torch.exp(2 * (levels / self.config.band_weight).clamp(max=3))
        present = self.bands.mean(F.pad(coefficients**2, (0, uncoded)))
        lacking = (energy - present - ENERGY_FLOOR).clamp(min=0)
        missing = torch.sqrt(self.bands.spread(lacking) + 1e-10)
        return coefficients, missing, torch.sqrt(self.bands.spread(energy) + 1e-10)
