"""Compare only where the recording has something to say."""

import torch
from torch import Tensor


def band_limit(wav: Tensor, bandwidth: Tensor, sample_rate: int) -> Tensor:
    """wav [B, 1, N] without what lies above bandwidth [B] in Hz.

    Applied to estimate and reference before a loss: a source that was recorded at 16 kHz then cannot teach the codec
    that speech is silent above 8 kHz, since both sides are silent there.
    """
    spectrum = torch.fft.rfft(wav)
    frequencies = torch.arange(spectrum.shape[-1], device=wav.device) * sample_rate / wav.shape[-1]
    return torch.fft.irfft(spectrum * (frequencies <= bandwidth[:, None, None]), n=wav.shape[-1])
