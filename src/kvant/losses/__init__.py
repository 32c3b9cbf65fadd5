"""Losses: (estimate, reference) -> scalar, one idea a file."""

from kvant.losses.loudness import LoudnessLoss
from kvant.losses.mel import MelLoss
from kvant.losses.stft import ComplexSTFTLoss

LOSSES = (MelLoss, LoudnessLoss, ComplexSTFTLoss)

__all__ = ["LOSSES", "ComplexSTFTLoss", "LoudnessLoss", "MelLoss"]
