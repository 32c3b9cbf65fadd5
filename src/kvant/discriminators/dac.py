"""The discriminator DAC was trained with: periods and bands, of wavs at one level (Kumar et al., 2023, section 3.3)."""

from collections.abc import Sequence

from torch import Tensor

from kvant.discriminators.judging import Panel
from kvant.discriminators.multi_band import BandDiscriminator
from kvant.discriminators.multi_period import PeriodDiscriminator
from kvant.protocols import Judgement


def levelled(wav: Tensor) -> Tensor:
    """wav [B, 1, N] without its mean, with a peak of 0.8; silence stays silent."""
    centred = wav - wav.mean(dim=-1, keepdim=True)
    return 0.8 * centred / (centred.abs().amax(dim=-1, keepdim=True) + 1e-9)


class DACDiscriminator(Panel):
    """`PeriodDiscriminator` for every period, then `BandDiscriminator` for every window length, of levelled wavs."""

    def __init__(
        self,
        periods: Sequence[int] = (2, 3, 5, 7, 11),
        window_lengths: Sequence[int] = (2048, 1024, 512),
        period_channels: Sequence[int] = (32, 128, 512, 1024, 1024),
        band_channels: int = 32,
    ) -> None:
        by_period = [PeriodDiscriminator(period, period_channels) for period in periods]
        by_band = [BandDiscriminator(length, band_channels) for length in window_lengths]
        super().__init__([*by_period, *by_band])

    def forward(self, wav: Tensor) -> list[Judgement]:
        """wav [B, 1, N] -> one judgement per period and window length. The level of a wav is not judged."""
        return super().forward(levelled(wav))
