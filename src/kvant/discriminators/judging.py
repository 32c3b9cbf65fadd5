"""What discriminators share: activations that are features, and a panel of several that judge the same wav."""

from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor, nn

from kvant.protocols import Judgement


def activations(x: Tensor, convs: Iterable[nn.Module], slope: float) -> list[Tensor]:
    """What each of `convs` makes of the one before, through a leaky ReLU of the given slope; first to last."""
    features = []
    for conv in convs:
        x = F.leaky_relu(conv(x), slope)
        features.append(x)
    return features


def at_least(wav: Tensor, length: int) -> Tensor:
    """wav [..., N], followed by silence up to `length` samples if it is shorter."""
    return F.pad(wav, (0, max(0, length - wav.shape[-1])))


class Panel(nn.Module):
    """Discriminators of one judgement each, asked in turn: one per resolution, period or scale, or a mixture."""

    def __init__(self, discriminators: Iterable[nn.Module]) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(discriminators)

    def forward(self, wav: Tensor) -> list[Judgement]:
        """wav [B, 1, N] -> one judgement a discriminator."""
        return [discriminator(wav) for discriminator in self.discriminators]
