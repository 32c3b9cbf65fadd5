"""What discriminators share: a stack of convolutions whose every activation is a feature, and whose end is the score."""

from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor, nn

from kvant.protocols import Judgement


def judge(x: Tensor, convs: Iterable[nn.Module], conv_post: nn.Module, slope: float) -> Judgement:
    """Run x through `convs`, each followed by a leaky ReLU of the given slope, and through `conv_post`, the score."""
    features = []
    for conv in convs:
        x = F.leaky_relu(conv(x), slope)
        features.append(x)
    return Judgement(conv_post(x), features)


def at_least(wav: Tensor, length: int) -> Tensor:
    """wav [..., N], followed by silence up to `length` samples if it is shorter."""
    return F.pad(wav, (0, max(0, length - wav.shape[-1])))
