"""Least-squares adversarial losses: real is 1, fake is 0, and being surer than that is an error too."""

import torch
from torch import Tensor

from kvant.protocols import Judgement


class LeastSquaresLoss:
    """discriminator: mean (1 - D(x))^2 + mean D(x')^2; generator: mean (1 - D(x'))^2 (Mao et al., 2017).

    HiFi-GAN's and DAC's. Means over the places of a score, then over judgements. In `discriminator`, `fake` are
    judgements of a detached wav.
    """

    def discriminator(self, real: list[Judgement], fake: list[Judgement]) -> Tensor:
        """1/2 for a discriminator that does not know and says so (D = 1/2 everywhere), 0 for a perfect one."""
        pairs = zip(real, fake, strict=True)
        return torch.stack([(1 - r.score).square().mean() + f.score.square().mean() for r, f in pairs]).mean()

    def generator(self, fake: list[Judgement]) -> Tensor:
        """0 where every place passes for real."""
        return torch.stack([(1 - judgement.score).square().mean() for judgement in fake]).mean()
