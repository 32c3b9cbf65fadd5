"""Discriminators: wav [B, 1, N] -> list[Judgement], one idea a file."""

from kvant.discriminators.frequency_channels import FrequencyChannelsDiscriminator

DISCRIMINATORS = (FrequencyChannelsDiscriminator,)

__all__ = ["DISCRIMINATORS", "FrequencyChannelsDiscriminator"]
