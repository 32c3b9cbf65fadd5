"""Hinge adversarial losses: whoever is beyond the margin is left alone."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kvant.protocols import Judgement


class HingeLoss:
    """discriminator: mean max(0, 1 - D(x)) + mean max(0, 1 + D(x')); generator: mean max(0, 1 - D(x')).

    Lim and Ye, 2017; with the generator's hinge of SoundStream and EnCodec (Défossez et al., 2022, section 3.4). Means
    over the places of a score, then over judgements. In `discriminator`, `fake` are judgements of a detached wav.
    """

    def discriminator(self, real: list[Judgement], fake: list[Judgement]) -> Tensor:
        """2 for a discriminator that does not know, 0 for one that is sure and right."""
        pairs = zip(real, fake, strict=True)
        return torch.stack([F.relu(1 - r.score).mean() + F.relu(1 + f.score).mean() for r, f in pairs]).mean()

    def generator(self, fake: list[Judgement]) -> Tensor:
        """0 once every place passes for real."""
        return torch.stack([F.relu(1 - judgement.score).mean() for judgement in fake]).mean()
