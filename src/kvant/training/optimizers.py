"""Who learns how fast."""

import torch
from torch import nn
from torch.optim import AdamW

from kvant.codec import Codec
from kvant.quantizers import TrackedCodebook
from kvant.training.config import OptimConfig


def codec_optimizer(codec: Codec, optim: OptimConfig) -> AdamW:
    """AdamW of what requires gradients: a rate by part; vectors, KLT matrices and codebooks without weight decay."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    books = {own for book in codec.modules() if isinstance(book, TrackedCodebook) for own in book.parameters()}
    for name, parameter in codec.named_parameters():
        scale = optim.encoder_scale if name.startswith("encoder.") else 1.0
        scale = optim.transform_scale if ".klt." in name else scale
        scale = optim.codebook_scale if parameter in books else scale
        decays = parameter.ndim > 1 and ".klt." not in name and parameter not in books
        if parameter.requires_grad:
            peak = optim.learning_rate * scale
            groups.setdefault((peak, optim.weight_decay if decays else 0.0), []).append(parameter)
    return adamw(groups, optim)


def discriminator_optimizer(discriminator: nn.Module, learning_rate: float, optim: OptimConfig) -> AdamW:
    """AdamW of all weights at one rate."""
    return adamw({(learning_rate, optim.weight_decay): list(discriminator.parameters())}, optim)


def adamw(groups: dict[tuple[float, float], list[nn.Parameter]], optim: OptimConfig) -> AdamW:
    """Groups by (peak rate, weight decay); each keeps its `peak` for the schedule."""
    return torch.optim.AdamW(
        [{"params": group, "peak": peak, "weight_decay": decay} for (peak, decay), group in groups.items()],
        lr=optim.learning_rate,
        betas=optim.betas,
    )
