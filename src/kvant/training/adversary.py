"""The adversary of a phase: a discriminator, and what it and the codec want of each other."""

from torch import Tensor, nn

from kvant.discriminators import (
    DACDiscriminator,
    FrequencyChannelsDiscriminator,
    MSSTFTDiscriminator,
    MultiBandDiscriminator,
    MultiPeriodDiscriminator,
    MultiScaleDiscriminator,
)
from kvant.errors import UsageError
from kvant.losses import FeatureMatchingLoss, HingeLoss, LeastSquaresLoss
from kvant.training.config import AdversaryConfig

JUDGES: dict[str, type[nn.Module]] = {
    "frequency_channels": FrequencyChannelsDiscriminator,
    "ms_stft": MSSTFTDiscriminator,
    "multi_period": MultiPeriodDiscriminator,
    "multi_scale": MultiScaleDiscriminator,
    "multi_band": MultiBandDiscriminator,
    "dac": DACDiscriminator,
}
GAMES: dict[str, type[HingeLoss | LeastSquaresLoss]] = {"hinge": HingeLoss, "least_squares": LeastSquaresLoss}
BOUNDARIES = {"hinge": 0.0, "least_squares": 0.5}


class Adversary(nn.Module):
    """Called, it gives what the discriminator minimises; `persuade` gives what the codec does.

    kind: name of the discriminator. boundary: the score between real and fake.
    """

    def __init__(self, config: AdversaryConfig) -> None:
        super().__init__()
        if config.discriminator not in JUDGES:
            raise UsageError(f"adversary.discriminator={config.discriminator}: one of {', '.join(JUDGES)}")
        if config.loss not in GAMES:
            raise UsageError(f"adversary.loss={config.loss}: one of {', '.join(GAMES)}")
        self.kind = config.discriminator
        self.discriminator = JUDGES[config.discriminator]()
        self.game = GAMES[config.loss]()
        self.matching = FeatureMatchingLoss()
        self.boundary = BOUNDARIES[config.loss]

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Loss of the discriminator; no gradient reaches the codec."""
        return self.game.discriminator(self.discriminator(reference), self.discriminator(estimate.detach()))

    def persuade(self, estimate: Tensor, reference: Tensor) -> dict[str, Tensor]:
        """Losses of the codec; the discriminator gets no gradient."""
        self.discriminator.requires_grad_(False)
        fake, real = self.discriminator(estimate), self.discriminator(reference)
        self.discriminator.requires_grad_(True)
        return {"adversarial": self.game.generator(fake), "feature_matching": self.matching(fake, real)}
