"""Feature matching: the estimate should look to a discriminator, layer by layer, as the reference does."""

import torch
from torch import Tensor

from kvant.protocols import Judgement


class FeatureMatchingLoss:
    """Mean over judgements and layers of |D_l(x') - D_l(x)|, averaged over the layer (Larsen et al., 2016).

    `relative`: each layer divided by the mean |D_l(x)|, so that layers count alike (EnCodec: Défossez et al., 2022,
    section 3.4). Without it: the plain L1 of MelGAN, HiFi-GAN and DAC, which sum over layers where this takes the mean.
    Features of the reference are detached: no gradient reaches the discriminator through them. The discriminator's
    parameters must not be stepped with what reaches them through the estimate's.
    """

    def __init__(self, relative: bool = True) -> None:
        self.relative = relative

    def __call__(self, estimate: list[Judgement], reference: list[Judgement]) -> Tensor:
        """Judgements of the estimate and of the reference by the same discriminators."""
        distances = []
        for fake, real in zip(estimate, reference, strict=True):
            for x, y in zip(fake.features, real.features, strict=True):
                target = y.detach()
                distance = (x - target).abs().mean()
                distances.append(distance / target.abs().mean().clamp(min=1e-8) if self.relative else distance)
        return torch.stack(distances).mean()
