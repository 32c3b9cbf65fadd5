"""Losses, one idea a file: (estimate, reference) -> scalar, and those that need a discriminator's judgements."""

from kvant.losses.feature_matching import FeatureMatchingLoss
from kvant.losses.hinge import HingeLoss
from kvant.losses.least_squares import LeastSquaresLoss
from kvant.losses.log_magnitude import LogMagnitudeLoss
from kvant.losses.loudness import LoudnessLoss
from kvant.losses.mel import MelLoss
from kvant.losses.stft import ComplexSTFTLoss

LOSSES = (MelLoss, LoudnessLoss, LogMagnitudeLoss, ComplexSTFTLoss)
"""(estimate, reference) -> scalar."""

ADVERSARIAL = (HingeLoss, LeastSquaresLoss)
"""`discriminator(real, fake)` and `generator(fake)` over judgements -> scalar."""

__all__ = [
    "ADVERSARIAL",
    "LOSSES",
    "ComplexSTFTLoss",
    "FeatureMatchingLoss",
    "HingeLoss",
    "LeastSquaresLoss",
    "LogMagnitudeLoss",
    "LoudnessLoss",
    "MelLoss",
]
