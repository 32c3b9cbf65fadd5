"""The mel scale: triangles over the bins of a spectrum, and log mel spectra as vocoders take them."""

import torch
from torch import Tensor, nn

from kvant.layers.mirrored_conv import mirror


def mel_triangles(sample_rate: int, window_length: int, num_mels: int) -> Tensor:
    """[bins, num_mels] triangles of height 1, each from the peak before to the peak after, float64.

    Peaks are equally spaced on the mel scale 2595 log10(1 + f/700), from 0 Hz to Nyquist, both of which have none.
    """
    top = 2595 * torch.log10(torch.tensor(1 + sample_rate / 2 / 700, dtype=torch.float64))
    corners = 700 * (10 ** (torch.linspace(0, 1, num_mels + 2, dtype=torch.float64) * top / 2595) - 1)
    bins = torch.linspace(0, sample_rate / 2, window_length // 2 + 1, dtype=torch.float64)[:, None]
    rising = (bins - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - bins) / (corners[2:] - corners[1:-1])
    return torch.minimum(rising, falling).clamp(min=0)


class LogMelSpectrum(nn.Module):
    """wav [B, 1, N] -> log mel spectra [B, num_mels, N // hop_length + 1], frame t centred on sample t * hop_length.

    log max(floor, sum_k F[k, m] |X[k, t]|), X the spectrum under a Hann window (periodic, not normalized), F the
    triangles. The signal is mirrored at both ends.
    """

    window: Tensor
    triangles: Tensor

    def __init__(
        self, sample_rate: int, window_length: int, hop_length: int, num_mels: int, floor: float = 1e-7
    ) -> None:
        super().__init__()
        self.window_length, self.hop_length, self.floor = window_length, hop_length, floor
        self.register_buffer("window", torch.hann_window(window_length), persistent=False)
        triangles = mel_triangles(sample_rate, window_length, num_mels).float()
        self.register_buffer("triangles", triangles, persistent=False)

    def forward(self, wav: Tensor) -> Tensor:
        half = self.window_length // 2
        frames = mirror(wav.squeeze(1), half, half).unfold(-1, self.window_length, self.hop_length) * self.window
        mels = torch.fft.rfft(frames).abs() @ self.triangles
        return torch.log(mels.clamp(min=self.floor)).transpose(1, 2)
