"""Frames of their own depth: how many levels each has, and codes as a model sees them, one channel at a time."""

import numpy as np

ABSENT = -1
"""The code of a level that a frame does not have: it decodes to nothing, and all levels behind it are absent, too."""


def levels_of(codes: np.ndarray, channels: int) -> np.ndarray:
    """Codes [L * C, n] as [C, L, n]: slot level * C + channel is that level of that channel."""
    return codes.reshape(len(codes) // channels, channels, codes.shape[1]).swapaxes(0, 1)


def depths_of(codes: np.ndarray, channels: int) -> np.ndarray:
    """int64 [C, n]: the levels that each frame of each channel has, of codes [L * C, n]."""
    return (levels_of(codes, channels) != ABSENT).sum(axis=1)


def is_prefix(codes: np.ndarray, channels: int) -> bool:
    """Whether all absent codes are behind all others in their frame and channel."""
    present = levels_of(codes, channels) != ABSENT
    return not (present[:, 1:] > present[:, :-1]).any()


def deepened(codes: np.ndarray, num_slots: int) -> np.ndarray:
    """Codes [k, n] with absent ones up to [num_slots, n]."""
    return np.pad(codes, ((0, num_slots - len(codes)), (0, 0)), constant_values=ABSENT)
