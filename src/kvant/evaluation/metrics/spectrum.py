"""The short-time amplitude spectrum that the spectral distances compare."""

import numpy as np
import numpy.typing as npt

from kvant.evaluation.metrics.metric import Array

WINDOWS = (512, 1024, 2048)
FLOOR = 1e-5  # amplitude, -100 dBFS: differences of inaudible noise do not count


def amplitude(wav: Array, window: int) -> npt.NDArray[np.float64]:
    """|STFT| of wav [N >= 1] -> [ceil(N / hop), window // 2 + 1]; hop window / 4, zeros beyond the ends.

    Periodic Hann of unit sum: a sine of amplitude a on a bin reads a / 2 there.
    """
    hop = window // 4
    padded = np.zeros((-(-len(wav) // hop) - 1) * hop + window)
    padded[window // 2 : window // 2 + len(wav)] = wav
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    return np.abs(np.fft.rfft(frames * (hann / hann.sum()), axis=1))
