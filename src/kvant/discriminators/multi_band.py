"""Multi-band multi-resolution STFT discriminator of DAC (Kumar et al., 2023, section 3.3)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from kvant.discriminators.judging import Panel, activations, at_least
from kvant.layers.hann import hann_spectra
from kvant.protocols import Judgement

BANDS = ((0.0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0))
"""Where each band begins and ends, in parts of the bins."""


class BandDiscriminator(nn.Module):
    """Real and imaginary parts of one resolution, cut into `BANDS`, each with convolutions of its own.

    High bands, quieter by far, are thus not left to filters that learnt from low ones. Kernels of 3 frames x 9 bins
    (the last 3 x 3), the middle three halve the bins. Spectra are not normalized: with hop W/4, white noise of variance
    s^2 has power 3/8 W s^2 in every bin.
    """

    def __init__(self, window_length: int, channels: int = 32) -> None:
        super().__init__()
        self.window_length, self.hop_length = window_length, window_length // 4
        self.scale = (3 / 8 * window_length) ** 0.5
        num_bins = window_length // 2 + 1
        self.bands = [(int(low * num_bins), int(high * num_bins)) for low, high in BANDS]
        self.band_convs = nn.ModuleList(self.stack(channels) for _ in BANDS)
        self.conv_post = weight_norm(nn.Conv2d(channels, 1, (3, 3), padding=(1, 1)))

    @staticmethod
    def stack(channels: int) -> nn.ModuleList:
        """The convolutions of one band."""
        wide = [
            nn.Conv2d(before, channels, (3, 9), stride=(1, stride), padding=(1, 4))
            for before, stride in ((2, 1), (channels, 2), (channels, 2), (channels, 2))
        ]
        last = nn.Conv2d(channels, channels, (3, 3), padding=(1, 1))
        return nn.ModuleList(weight_norm(layer) for layer in (*wide, last))

    def forward(self, wav: Tensor) -> Judgement:
        """wav [B, 1, N]; score [B, 1, ceil(N / hop), bins / 8]; features band by band."""
        spectra = self.spectra(wav).transpose(1, 2)
        maps = torch.stack([spectra.real, spectra.imag], dim=1)
        bands = [
            activations(maps[..., low:high], convs.children(), 0.1)
            for (low, high), convs in zip(self.bands, self.band_convs)
        ]
        score = self.conv_post(torch.cat([features[-1] for features in bands], dim=-1))
        return Judgement(score, [feature for features in bands for feature in features])

    def spectra(self, wav: Tensor) -> Tensor:
        """[B, bins, ceil(N / hop)], the wav mirrored at its ends; one too short for that is followed by silence."""
        beyond = (self.window_length - self.hop_length) // 2
        wav = at_least(wav, beyond + self.hop_length).squeeze(1)
        wav = F.pad(wav, (beyond, beyond + -wav.shape[-1] % self.hop_length), mode="reflect")
        return self.scale * hann_spectra(wav, self.window_length, self.hop_length)


class MultiBandDiscriminator(Panel):
    """`BandDiscriminator` at several window lengths."""

    def __init__(self, window_lengths: Sequence[int] = (2048, 1024, 512), channels: int = 32) -> None:
        super().__init__(BandDiscriminator(length, channels) for length in window_lengths)
