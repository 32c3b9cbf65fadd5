"""Codebook health: are the codes in use?"""

from typing import NamedTuple

import torch

from kvant.protocols import Codebook


class CodebookHealth(NamedTuple):
    """perplexity: exp of the entropy of the running usage, at most V. dead: share of codes below a tenth of uniform."""

    perplexity: float
    dead: float


def codebook_health(codebook: Codebook) -> CodebookHealth:
    """Health of a codebook from its running usage (a window of about 1 / (1 - USAGE_DECAY) steps)."""
    share = codebook.usage / codebook.usage.sum().clamp(min=1e-9)
    entropy = -(share * torch.log(share.clamp(min=1e-12))).sum()
    return CodebookHealth(float(torch.exp(entropy)), float((codebook.usage < 0.1).float().mean()))
