"""No quantization at all: the slot for continuous latents, and the ceiling that every quantizer is measured by."""

import torch
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.protocols import Quantized


class Continuous(nn.Module):
    """Latents [B, D, T] as they are, with no codes [B, 0, T]. They compress to nothing that could be decoded."""

    codebook_sizes: tuple[int, ...] = ()

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """The latents, with the identity as gradient. `num_codebooks` can only be 0, and means nothing."""
        return Quantized(latents, self.encode(latents), {})

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        """int64 [B, 0, T]."""
        return torch.zeros(len(latents), 0, latents.shape[-1], dtype=torch.int64, device=latents.device)

    def decode(self, codes: Tensor) -> Tensor:
        """UsageError, always."""
        raise UsageError("Continuous makes no codes, so none can be decoded: give its latents to the decoder")
