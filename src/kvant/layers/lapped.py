"""Modulated lapped transform: critically sampled spectra from windows that overlap by half (Malvar, 1999).

With hop N, a window of 2N samples and n0 = (N + 1) / 2, the frame x[0..2N) has the two real spectra

    MDCT  X[k] = sqrt(2/N) sum_n w[n] x[n] cos(pi/N (n + n0)(k + 1/2))
    MDST  Y[k] = sqrt(2/N) sum_n w[n] x[n] sin(pi/N (n + n0)(k + 1/2)),    k = 0..N-1.

For the sine window w, w[n]^2 + w[n + N]^2 = 1, the MDCT frames are coordinates in an orthonormal basis of the signal
(Princen and Bradley, 1986): overlap-adding the transposed transform gives the signal back, and energies are equal.
X - jY is a complex spectrum whose magnitude does not flicker with phase as |X| does.

Both spectra are a fold of 2N samples to N, then one N x N DCT-IV: with quarters (a, b, c, d) of the windowed frame and
r for time reversal, X = DCT4(-c_r - d, a - b_r) and Y = DST4(c_r - d, a + b_r), where DST4(v)[k] = (-1)^k DCT4(v_r)[k].
"""

import math

import torch
from torch import Tensor

from kvant.protocols import State
from kvant.streaming import Causal


def dct4_matrix(size: int) -> Tensor:
    """[size, size] orthonormal DCT-IV, its own inverse and transpose: sqrt(2/N) cos(pi/N (n + 1/2)(k + 1/2))."""
    n = torch.arange(size, dtype=torch.float64) + 0.5
    return (math.sqrt(2 / size) * torch.cos(math.pi / size * n[:, None] * n)).float()


def sine_window(size: int) -> Tensor:
    """[size] sin(pi (n + 1/2) / size), the square root of a Hann window: power-complementary at half overlap."""
    n = torch.arange(size, dtype=torch.float64) + 0.5
    return torch.sin(math.pi / size * n).float()


class LappedAnalysis(Causal):
    """wav [B, 1, T * hop] -> MDCT and MDST spectra [B, 2 * hop, T], MDCT first.

    Frame t covers the samples of hops t - 1 and t; the state is the previous hop, silence at the start.
    """

    dct: Tensor
    window: Tensor
    alternating: Tensor

    def __init__(self, hop_length: int) -> None:
        super().__init__()
        self.hop_length = hop_length
        self.register_buffer("dct", dct4_matrix(hop_length))
        self.register_buffer("window", sine_window(2 * hop_length))
        signs = torch.ones(hop_length)
        signs[1::2] = -1
        self.register_buffer("alternating", signs, persistent=False)

    def initial_state(self, batch: int) -> State:
        return self.dct.new_zeros(batch, 1, self.hop_length)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        hops = torch.cat([state, x.reshape(x.shape[0], -1, self.hop_length)], dim=1)
        frames = torch.cat([hops[:, :-1], hops[:, 1:]], dim=-1) * self.window
        a, b, c, d = frames.chunk(4, dim=-1)
        mdct = torch.cat([-c.flip(-1) - d, a - b.flip(-1)], dim=-1) @ self.dct
        mdst = torch.cat([c.flip(-1) - d, a + b.flip(-1)], dim=-1).flip(-1) @ self.dct * self.alternating
        return torch.cat([mdct, mdst], dim=-1).transpose(1, 2), hops[:, -1:]


class LappedSynthesis(Causal):
    """MDCT spectra [B, hop, T] -> wav [B, 1, T * hop], one hop late: hop t is complete when frame t + 1 has come.

    The state is the second half of the last windowed frame, waiting to be overlapped; zeros at the start.
    """

    dct: Tensor
    window: Tensor

    def __init__(self, hop_length: int) -> None:
        super().__init__()
        self.hop_length = hop_length
        self.register_buffer("dct", dct4_matrix(hop_length))
        self.register_buffer("window", sine_window(2 * hop_length))

    def initial_state(self, batch: int) -> State:
        return self.dct.new_zeros(batch, 1, self.hop_length)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        first, second = (x.transpose(1, 2) @ self.dct).chunk(2, dim=-1)
        left = torch.cat([second, -second.flip(-1)], dim=-1) * self.window[: self.hop_length]
        right = torch.cat([-first.flip(-1), -first], dim=-1) * self.window[self.hop_length :]
        tails = torch.cat([state, right], dim=1)
        wav = left + tails[:, :-1]
        return wav.reshape(x.shape[0], 1, -1), tails[:, -1:]
