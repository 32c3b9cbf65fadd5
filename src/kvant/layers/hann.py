"""Short-time spectra under the Hann window, as losses and discriminators see them."""

import torch
from torch import Tensor


def hann_spectra(wav: Tensor, window_length: int, hop_length: int) -> Tensor:
    """Complex spectra [B, bins, frames] of wav [B, N], N >= window_length: unit power gain, no padding.

    X[k, t] = sum_n w[n] x[t hop + n] exp(-2 pi i k n / W) / sqrt(sum w^2), so the power of white noise is its variance
    in every bin.
    """
    window = torch.hann_window(window_length, device=wav.device)
    window = window / window.square().sum().sqrt()
    return torch.stft(wav, window_length, hop_length, window=window, center=False, return_complex=True)
