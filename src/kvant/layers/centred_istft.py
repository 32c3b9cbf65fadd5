"""The inverse short-time Fourier transform of a whole signal, as convolutions pad it (Siuzdak, 2023)."""

from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.receptive_field import ReceptiveField


class CentredISTFT(nn.Module):
    """Spectra [B, 2 * bins, T], real parts first -> wav [B, 1, T * hop].

    With W samples a window w (Hann, periodic), hop H, and x_t the inverse Fourier transform of frame t,

        y[n] = sum_t w[n + L - t H] x_t[n + L - t H] / sum_t w^2[n + L - t H],    0 <= n < T H,

    sums over the frames there are. So frame 0 begins L = `lead` samples before the signal: (W - H) / 2 keeps frames in
    the middle of their hops ("same" padding), W / 2 has frame t in the middle at t H ("center").
    UsageError: lead < 1 or > W - H, where no frame would cover the ends.
    """

    window: Tensor

    def __init__(self, window_length: int, hop_length: int, lead: int) -> None:
        super().__init__()
        if not 1 <= lead <= window_length - hop_length:
            raise UsageError(f"lead {lead}: must be 1 to {window_length - hop_length}, the window less the hop")
        self.window_length, self.hop_length, self.lead = window_length, hop_length, lead
        self.register_buffer("window", torch.hann_window(window_length), persistent=False)

    @property
    def receptive_field(self) -> ReceptiveField:
        """The window is zero at its first sample."""
        hop = self.hop_length
        return ReceptiveField(
            Fraction(self.window_length - 1 - self.lead, hop), Fraction(self.lead - 1, hop), Fraction(1, hop)
        )

    def forward(self, spectra: Tensor) -> Tensor:
        real, imaginary = spectra.chunk(2, dim=1)
        frames = torch.fft.irfft(torch.complex(real, imaginary), n=self.window_length, dim=1)
        energy = self.window.square()[:, None].expand(1, -1, spectra.shape[-1])
        return self._added(frames * self.window[:, None]) / self._added(energy)

    def _added(self, frames: Tensor) -> Tensor:
        """[B, 1, T hop] of windowed frames [B, W, T]."""
        size = frames.shape[-1] * self.hop_length
        length = size - self.hop_length + self.window_length
        added = F.fold(frames, (1, length), (1, self.window_length), stride=(1, self.hop_length)).squeeze(2)
        return added[..., self.lead : self.lead + size]
