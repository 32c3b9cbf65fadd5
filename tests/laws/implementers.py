"""Every implementer the laws run over, found by listing: a part nobody told the tests about fails them."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import NamedTuple

from torch import nn

from kvant.decoders.frame import FrameDecoder
from kvant.decoders.seanet import SEANetDecoder
from kvant.discriminators import (
    DACDiscriminator,
    FrequencyChannelsDiscriminator,
    MSSTFTDiscriminator,
    MultiBandDiscriminator,
    MultiPeriodDiscriminator,
    MultiScaleDiscriminator,
)
from kvant.encoders.frame import FrameEncoder
from kvant.encoders.seanet import SEANetEncoder
from kvant.heads.istft import ISTFTHead
from kvant.layers.context import ContextConfig
from kvant.layers.conv import CausalConv1d
from kvant.layers.convnext import ConvNeXtBlock
from kvant.layers.lapped import LappedAnalysis, LappedSynthesis
from kvant.layers.lstm import LSTM
from kvant.layers.mirrored_conv import MirroredConv1d
from kvant.layers.noise import NoiseCarrier
from kvant.layers.parallel import Parallel
from kvant.layers.replicated_conv import ReplicatedConv1d
from kvant.layers.seanet import SEANetConfig, identity_skip
from kvant.layers.spectral_features import FeatureConfig
from kvant.layers.stft import ISTFT, STFT
from kvant.layers.transformer import TransformerBlock, TransformerConfig
from kvant.layers.transposed_conv import CausalTransposedConv1d
from kvant.layers.windowed_attention import WindowedAttention
from kvant.losses import (
    AntiWrappingPhaseLoss,
    ComplexSTFTLoss,
    DisturbanceLoss,
    LogMagnitudeLoss,
    LoudnessLoss,
    MelLoss,
    MultiResolutionSTFTLoss,
    SISDRLoss,
    WaveformLoss,
)
from kvant.protocols import Codebook, Discriminator, GradientEstimator, Penalty, Quantizer, Remedy
from kvant.quantizers import RelaxedQuantizer, ResidualQuantizer, SpaceFillingQuantizer, VectorQuantizer
from kvant.quantizers.gradients import GumbelSoftmax
from kvant.streaming import Causal, Chain, Pointwise, Residual
from tests.laws.books import CODEBOOKS, PENALTIES, REMEDIES


class Part(NamedTuple):
    """A causal part and its input: `channels` x (T * `unit`) samples or frames for T units of time."""

    build: Callable[[], Causal]
    channels: int
    unit: int = 1


FEATURES = FeatureConfig(num_bins=16, num_coefficients=8, num_bands=4)
CONTEXT = ContextConfig(channels=12, hidden=20, dilations=(1, 2))
SEANET = SEANetConfig(filters=4, strides=(2, 3))
TRANSFORMER = TransformerConfig(heads=2, hidden=12, window=5, layer_scale=1.0)

CAUSAL: dict[type, Part] = {
    CausalConv1d: Part(lambda: CausalConv1d(6, 4, kernel_size=3, dilation=2), channels=6),
    CausalTransposedConv1d: Part(lambda: CausalTransposedConv1d(6, 4, kernel_size=9, stride=3), channels=6),
    Chain: Part(lambda: Chain(CausalConv1d(6, 4, 5), Pointwise(nn.Tanh()), CausalConv1d(4, 3, 2)), channels=6),
    ConvNeXtBlock: Part(lambda: ConvNeXtBlock(6, 12, dilation=2), channels=6),
    FrameDecoder: Part(lambda: FrameDecoder(FEATURES, CONTEXT, latent_dim=5), channels=5),
    FrameEncoder: Part(lambda: FrameEncoder(FEATURES, CONTEXT, latent_dim=5), channels=1, unit=16),
    ISTFT: Part(lambda: ISTFT(window_length=20, hop_length=5), channels=22),
    ISTFTHead: Part(lambda: ISTFTHead(channels=7, window_length=24, hop_length=8), channels=7),
    LSTM: Part(lambda: LSTM(6, layers=2), channels=6),
    LappedAnalysis: Part(lambda: LappedAnalysis(hop_length=10), channels=1, unit=10),
    LappedSynthesis: Part(lambda: LappedSynthesis(hop_length=10), channels=10),
    MirroredConv1d: Part(lambda: MirroredConv1d(6, 4, kernel_size=8, stride=4), channels=6, unit=8),
    NoiseCarrier: Part(lambda: NoiseCarrier(num_bins=9, period=5), channels=3),
    Parallel: Part(lambda: Parallel(CausalConv1d(4, 4, 3), Pointwise(nn.Tanh())), channels=4),
    Pointwise: Part(lambda: Pointwise(nn.Softplus()), channels=4),
    ReplicatedConv1d: Part(lambda: ReplicatedConv1d(6, 4, kernel_size=4, stride=2), channels=6, unit=2),
    Residual: Part(lambda: Residual(CausalConv1d(4, 4, 7)), channels=4),
    SEANetDecoder: Part(lambda: SEANetDecoder(SEANET, 5, Residual(LSTM(16, 2))), channels=5),
    SEANetEncoder: Part(lambda: SEANetEncoder(SEANET, 5, Residual(LSTM(16, 2)), identity_skip), channels=1, unit=6),
    STFT: Part(lambda: STFT(window_length=20, hop_length=8), channels=1, unit=8),
    TransformerBlock: Part(lambda: TransformerBlock(8, TRANSFORMER), channels=8),
    WindowedAttention: Part(lambda: WindowedAttention(8, heads=2, window=6), channels=8),
}


BuildQuantizer = Callable[
    [Callable[[], Codebook], GradientEstimator, tuple[Remedy, ...], tuple[Penalty, ...]], Quantizer
]

QUANTIZERS: dict[type, BuildQuantizer] = {
    RelaxedQuantizer: lambda book, _, *parts: RelaxedQuantizer(book(), GumbelSoftmax(), *parts),
    ResidualQuantizer: lambda book, *parts: ResidualQuantizer([book() for _ in range(4)], *parts),
    SpaceFillingQuantizer: lambda book, *parts: SpaceFillingQuantizer(book(), *parts),
    VectorQuantizer: lambda book, *parts: VectorQuantizer(book(), *parts),
}

LOSSES: dict[type, Callable[[], Callable]] = {
    AntiWrappingPhaseLoss: AntiWrappingPhaseLoss,
    ComplexSTFTLoss: ComplexSTFTLoss,
    LogMagnitudeLoss: LogMagnitudeLoss,
    DisturbanceLoss: lambda: DisturbanceLoss(sample_rate=24000),
    LoudnessLoss: lambda: LoudnessLoss(sample_rate=24000),
    MelLoss: lambda: MelLoss(sample_rate=24000),
    MultiResolutionSTFTLoss: MultiResolutionSTFTLoss,
    SISDRLoss: SISDRLoss,
    WaveformLoss: WaveformLoss,
}

DISCRIMINATORS: dict[type, Callable[[], Discriminator]] = {
    DACDiscriminator: lambda: DACDiscriminator((2, 3), (128,), period_channels=(8, 16), band_channels=2),
    FrequencyChannelsDiscriminator: lambda: FrequencyChannelsDiscriminator((128, 256), channels=16),
    MSSTFTDiscriminator: lambda: MSSTFTDiscriminator((128, 256), channels=4),
    MultiBandDiscriminator: lambda: MultiBandDiscriminator((64, 128), channels=4),
    MultiPeriodDiscriminator: lambda: MultiPeriodDiscriminator((2, 3), channels=(8, 16, 32)),
    MultiScaleDiscriminator: lambda: MultiScaleDiscriminator(num_scales=2, channels=4),
}


def causal_classes() -> Iterator[type]:
    """Every Causal subclass defined in `streaming` or below one of the packages of parts."""
    return classes_of_parts(Causal)


def classes_of_parts(base: type) -> Iterator[type]:
    """Every subclass of `base` defined in `streaming` or below one of the packages of parts."""
    names = ["kvant.streaming"]
    for package in ("layers", "encoders", "decoders", "heads"):
        path = importlib.import_module(f"kvant.{package}").__path__
        names += [module.name for module in pkgutil.walk_packages(path, f"kvant.{package}.")]
    for name in names:
        for _, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if kind.__module__ == name and issubclass(kind, base) and kind is not base:
                yield kind


def missing(listed: object, table: dict[type, object]) -> list[str]:
    """Names of the listed implementers that the table of builders does not know."""
    return [kind.__name__ for kind in listed if kind not in table]  # type: ignore[attr-defined]


__all__ = [
    "CAUSAL",
    "CODEBOOKS",
    "DISCRIMINATORS",
    "LOSSES",
    "PENALTIES",
    "QUANTIZERS",
    "REMEDIES",
    "Part",
    "causal_classes",
    "classes_of_parts",
    "missing",
]
