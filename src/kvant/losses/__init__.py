"""Losses, one idea a file: (estimate, reference) -> scalar, those of judgements and of features, and how to balance."""

from kvant.losses.balancer import GradientBalancer
from kvant.losses.distillation import SemanticDistillationLoss
from kvant.losses.disturbance import DisturbanceLoss
from kvant.losses.feature_matching import FeatureMatchingLoss
from kvant.losses.hinge import HingeLoss
from kvant.losses.least_squares import LeastSquaresLoss
from kvant.losses.log_magnitude import LogMagnitudeLoss
from kvant.losses.loudness import LoudnessLoss
from kvant.losses.mel import MelLoss
from kvant.losses.multi_resolution_stft import MultiResolutionSTFTLoss
from kvant.losses.phase import AntiWrappingPhaseLoss
from kvant.losses.si_sdr import SISDRLoss
from kvant.losses.stft import ComplexSTFTLoss
from kvant.losses.waveform import WaveformLoss

LOSSES = (
    MelLoss,
    LoudnessLoss,
    DisturbanceLoss,
    LogMagnitudeLoss,
    MultiResolutionSTFTLoss,
    ComplexSTFTLoss,
    AntiWrappingPhaseLoss,
    WaveformLoss,
    SISDRLoss,
)
"""(estimate, reference) -> scalar."""

ADVERSARIAL = (HingeLoss, LeastSquaresLoss)
"""`discriminator(real, fake)` and `generator(fake)` over judgements -> scalar."""

__all__ = [
    "ADVERSARIAL",
    "LOSSES",
    "AntiWrappingPhaseLoss",
    "ComplexSTFTLoss",
    "DisturbanceLoss",
    "FeatureMatchingLoss",
    "GradientBalancer",
    "HingeLoss",
    "LeastSquaresLoss",
    "LogMagnitudeLoss",
    "LoudnessLoss",
    "MelLoss",
    "MultiResolutionSTFTLoss",
    "SISDRLoss",
    "SemanticDistillationLoss",
    "WaveformLoss",
]
