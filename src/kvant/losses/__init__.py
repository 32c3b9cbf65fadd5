"""Losses: (estimate, reference) -> scalar, one idea a file."""

from kvant.losses.log_magnitude import LogMagnitudeLoss
from kvant.losses.loudness import LoudnessLoss
from kvant.losses.mel import MelLoss
from kvant.losses.stft import ComplexSTFTLoss

LOSSES = (MelLoss, LoudnessLoss, LogMagnitudeLoss, ComplexSTFTLoss)

__all__ = ["LOSSES", "ComplexSTFTLoss", "LogMagnitudeLoss", "LoudnessLoss", "MelLoss"]
