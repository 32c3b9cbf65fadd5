"""Codebook health: are the codes in use?"""

from typing import NamedTuple

import torch

from kvant.codec import Codec
from kvant.quantizers import TrackedCodebook


class CodebookHealth(NamedTuple):
    """perplexity: exp of the entropy of the running usage, at most V. dead: share of codes below a tenth of uniform."""

    perplexity: float
    dead: float


def codebook_health(codec: Codec) -> list[CodebookHealth]:
    """Health of each codebook from its running usage (a window of about 1 / (1 - USAGE_DECAY) steps)."""
    health = []
    for codebook in (module for module in codec.modules() if isinstance(module, TrackedCodebook)):
        share = codebook.usage / codebook.usage.sum().clamp(min=1e-9)
        entropy = -(share * torch.log(share.clamp(min=1e-12))).sum()
        health.append(CodebookHealth(float(torch.exp(entropy)), float((codebook.usage < 0.1).float().mean())))
    return health
