"""Multi-scale discriminator of MelGAN (Kumar et al., 2019, section 2.2): the wav, and the wav averaged down."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from kvant.discriminators.judging import Panel, activations, at_least
from kvant.protocols import Judgement


class ScaleDiscriminator(nn.Module):
    """Strided, grouped convolutions of long kernels over the wav, halved `halvings` times.

    Halving averages four samples, two apart from the next four, as in MelGAN and HiFi-GAN. The layers are MelGAN's,
    which DAC kept; DAC resamples instead of averaging.
    """

    def __init__(self, halvings: int = 0, channels: int = 16) -> None:
        super().__init__()
        self.halvings = halvings
        widths = [channels * factor for factor in (1, 4, 16, 64, 64)]
        layers = [
            nn.Conv1d(1, channels, 15, padding=7),
            *(
                nn.Conv1d(before, after, 41, stride=4, groups=before // 4, padding=20)
                for before, after in pairwise(widths)
            ),
            nn.Conv1d(widths[-1], widths[-1], 5, padding=2),
        ]
        self.convs = nn.ModuleList(weight_norm(layer) for layer in layers)
        self.conv_post = weight_norm(nn.Conv1d(widths[-1], 1, 3, padding=1))

    def forward(self, wav: Tensor) -> Judgement:
        """wav [B, 1, N]; score [B, 1, N / (256 * 2^halvings)]."""
        features = activations(self.halved(wav), self.convs, slope=0.1)
        return Judgement(self.conv_post(features[-1]), features)

    def halved(self, wav: Tensor) -> Tensor:
        """[B, 1, N / 2^halvings]; what is shorter than one sample of that is followed by silence."""
        wav = at_least(wav, 2**self.halvings)
        for _ in range(self.halvings):
            wav = F.avg_pool1d(wav, 4, stride=2, padding=1, count_include_pad=False)
        return wav


class MultiScaleDiscriminator(Panel):
    """`ScaleDiscriminator` of the wav as it is, halved once, halved twice, ..."""

    def __init__(self, num_scales: int = 3, channels: int = 16) -> None:
        super().__init__(ScaleDiscriminator(halvings, channels) for halvings in range(num_scales))
