"""Short-time spectra under the Hann window, as losses and discriminators see them."""

from functools import lru_cache

import torch
from torch import Tensor


def hann_spectra(wav: Tensor, window_length: int, hop_length: int) -> Tensor:
    """Complex spectra [B, bins, frames] of wav [B, N], N >= window_length: unit power gain, no padding.

    X[k, t] = sum_n w[n] x[t hop + n] exp(-2 pi i k n / W) / sqrt(sum w^2), so the power of white noise is its variance
    in every bin.
    """
    window = _window(window_length, wav.device, torch.get_default_dtype())
    return torch.stft(wav, window_length, hop_length, window=window, center=False, return_complex=True)


@lru_cache
def _window(length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Of unit energy [W]; one that may be trained with, whoever asks for it first."""
    with torch.inference_mode(False):
        window = torch.hann_window(length, device=device, dtype=dtype)
        return window / window.square().sum().sqrt()
