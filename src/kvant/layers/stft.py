"""Short-time Fourier transform and its inverse by overlap-add, both causal (Allen, 1977; Griffin and Lim, 1984).

With window length W, hop H and the square-root Hann window w, frame t holds the W newest samples, ending with sample
(t + 1) H - 1, and its spectrum is

    X[k, t] = 1/sqrt(W) sum_n w[n] x[(t + 1) H - W + n] exp(-2 pi i k n / W),    k = 0..W/2.

The inverse windows each frame again, adds what overlaps, and divides by the sum of squared windows over each sample,
c[n] = sum_j w[n + j H]^2, which repeats with the hop: so any H up to W reconstructs perfectly. (With W = m H, m > 1, it
is the constant m / 2.) A sample is complete when the last frame that covers it has come, W - H samples later.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from kvant.layers.lapped import sine_window
from kvant.protocols import State
from kvant.streaming import Causal


class STFT(Causal):
    """wav [B, 1, T * hop] -> complex spectra as real numbers [B, 2 * bins, T], real parts first; bins = W/2 + 1.

    The state is the newest window_length - hop_length samples, silence at the start.
    """

    window: Tensor

    def __init__(self, window_length: int, hop_length: int) -> None:
        super().__init__()
        self.window_length, self.hop_length = window_length, hop_length
        self.overlap = window_length - hop_length
        self.num_bins = window_length // 2 + 1
        self.register_buffer("window", sine_window(window_length), persistent=False)

    def initial_state(self, batch: int) -> State:
        return self.window.new_zeros(batch, 1, self.overlap)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        samples = torch.cat([state, x], dim=-1)
        frames = samples.squeeze(1).unfold(-1, self.window_length, self.hop_length) * self.window
        spectra = torch.fft.rfft(frames, norm="ortho")
        return torch.cat([spectra.real, spectra.imag], dim=-1).transpose(1, 2), samples[..., x.shape[-1] :]


class ISTFT(Causal):
    """Spectra [B, 2 * bins, T] as `STFT` makes them -> wav [B, 1, T * hop], `delay` = window_length - hop_length late.

    The state is the sum of past frames over the next `delay` samples, waiting for the frames to come; zeros at the
    start.
    """

    synthesis_window: Tensor

    def __init__(self, window_length: int, hop_length: int) -> None:
        super().__init__()
        self.window_length, self.hop_length = window_length, hop_length
        self.delay = window_length - hop_length
        window = sine_window(window_length)
        coverage = F.pad(window.square(), (0, -window_length % hop_length)).reshape(-1, hop_length).sum(0)
        repeated = coverage.repeat(-(-window_length // hop_length))[:window_length]
        self.register_buffer("synthesis_window", window / repeated, persistent=False)

    def initial_state(self, batch: int) -> State:
        return self.synthesis_window.new_zeros(batch, 1, self.delay)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        real, imaginary = x.transpose(1, 2).chunk(2, dim=-1)
        frames = torch.fft.irfft(torch.complex(real, imaginary), n=self.window_length, norm="ortho")
        new, size = x.shape[-1] * self.hop_length, (1, self.window_length)
        windowed = (frames * self.synthesis_window).transpose(1, 2)
        added = F.fold(windowed, (1, new + self.delay), size, stride=(1, self.hop_length)).squeeze(1)
        added = added + F.pad(state, (0, new))
        return added[..., :new], added[..., new:]
