"""Discriminators: wav [B, 1, N] -> list[Judgement], one idea a file."""

from kvant.discriminators.dac import DACDiscriminator
from kvant.discriminators.frequency_channels import FrequencyChannelsDiscriminator
from kvant.discriminators.judging import Panel
from kvant.discriminators.ms_stft import MSSTFTDiscriminator
from kvant.discriminators.multi_band import MultiBandDiscriminator
from kvant.discriminators.multi_period import MultiPeriodDiscriminator
from kvant.discriminators.multi_scale import MultiScaleDiscriminator

DISCRIMINATORS = (
    FrequencyChannelsDiscriminator,
    MSSTFTDiscriminator,
    MultiPeriodDiscriminator,
    MultiScaleDiscriminator,
    MultiBandDiscriminator,
    DACDiscriminator,
)

__all__ = [
    "DISCRIMINATORS",
    "DACDiscriminator",
    "FrequencyChannelsDiscriminator",
    "MSSTFTDiscriminator",
    "MultiBandDiscriminator",
    "MultiPeriodDiscriminator",
    "MultiScaleDiscriminator",
    "Panel",
]
