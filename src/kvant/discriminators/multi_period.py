"""Multi-period discriminator of HiFi-GAN (Kong et al., 2020, section 2.3), in the form of DAC."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from kvant.discriminators.judging import Panel, activations, at_least
from kvant.protocols import Judgement


class PeriodDiscriminator(nn.Module):
    """Every `period`-th sample for itself: wav folded into rows of `period` samples, convolved along the columns.

    Kernels of 5 rows, stride 3 but for the last layer. The ends of a wav that does not fill its last row are mirrored,
    and no row is added to one that does (DAC adds one).
    """

    def __init__(self, period: int, channels: Sequence[int] = (32, 128, 512, 1024, 1024)) -> None:
        super().__init__()
        self.period = period
        strides = [3] * (len(channels) - 1) + [1]
        layers = [
            nn.Conv2d(before, after, (5, 1), stride=(stride, 1), padding=(2, 0))
            for before, after, stride in zip((1, *channels), channels, strides)
        ]
        self.convs = nn.ModuleList(weight_norm(layer) for layer in layers)
        self.conv_post = weight_norm(nn.Conv2d(channels[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, wav: Tensor) -> Judgement:
        """wav [B, 1, N]; score [B, 1, rows / 81, period]. A wav shorter than the period is followed by silence."""
        features = activations(self.fold(wav), self.convs, slope=0.1)
        return Judgement(self.conv_post(features[-1]), features)

    def fold(self, wav: Tensor) -> Tensor:
        """[B, 1, rows, period]: sample n is in column n mod period."""
        wav = at_least(wav, self.period)
        return F.pad(wav, (0, -wav.shape[-1] % self.period), mode="reflect").unflatten(-1, (-1, self.period))


class MultiPeriodDiscriminator(Panel):
    """`PeriodDiscriminator` for several periods, prime so that they overlap as little as can be."""

    def __init__(
        self, periods: Sequence[int] = (2, 3, 5, 7, 11), channels: Sequence[int] = (32, 128, 512, 1024, 1024)
    ) -> None:
        super().__init__(PeriodDiscriminator(period, channels) for period in periods)
