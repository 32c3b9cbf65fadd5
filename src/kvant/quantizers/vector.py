"""Vector quantization (van den Oord et al., 2017): each latent becomes its nearest codebook vector."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kvant.protocols import GradientEstimator, Penalty, Quantized, Remedy
from kvant.quantizers.codebooks import TrackedCodebook
from kvant.quantizers.depth import depths_of, levels_of, used
from kvant.quantizers.estimated import estimated
from kvant.quantizers.gradients import rotation_trick
from kvant.quantizers.remedies import KMeansInit, ReviveDeadCodes


def quantize_level(
    codebook: TrackedCodebook,
    remedies: Sequence[Remedy],
    penalties: Sequence[Penalty],
    latents: Tensor,
    active: Tensor,
    training: bool,
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """One codebook's part of a forward pass: (vectors [B, T, d], codes [B, T], losses).

    latents: [B, T, d]. active: bool [B], the items whose level this is; the caller ignores the vectors of the others,
    and they do not hold the encoder to this level: `commitment`, |z - sg(q)|^2 (eq. 3), is the mean over active items
    times their share. But the codebook learns from all of them. What a masked item would be asked here is what it will
    be asked at full depth; where only active items count, level dropout starves the deep levels of latents.
    """
    rows = latents.detach().reshape(-1, latents.shape[-1])
    if training:
        for remedy in remedies:
            remedy(codebook, rows)
    codes = codebook.search(rows).reshape(latents.shape[:-1])
    vectors = codebook.lookup(codes)
    losses = codebook.losses(rows, vectors.reshape(rows.shape))
    error = (latents - vectors.detach()).square().mean(dim=(1, 2))
    losses["commitment"] = torch.where(active, error, 0).mean()
    if training:
        for penalty in penalties:
            asked = torch.where(active[:, None, None], latents, latents.detach())
            losses |= penalty(codebook, asked.reshape(rows.shape))
        codebook.update(rows, codes.reshape(-1))
    return vectors, codes, losses


class VectorQuantizer(nn.Module):
    """One codebook: latents [B, D, T] -> codes [B, 1, T]."""

    def __init__(
        self,
        codebook: TrackedCodebook,
        gradient: GradientEstimator = rotation_trick,
        remedies: Sequence[Remedy] = (KMeansInit(), ReviveDeadCodes()),
        penalties: Sequence[Penalty] = (),
    ) -> None:
        super().__init__()
        self.codebook = codebook
        self.gradient = gradient
        self.remedies = tuple(remedies)
        self.penalties = tuple(penalties)
        self.codebook_sizes: tuple[int, ...] = (codebook.size,)

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """Quantize with gradient; in training mode, remedies act and statistics move.

        num_codebooks: 1, or int64 [B] of 0 and 1; the latents of an item with 0 are zero, and it has no commitment.
        """
        frames = latents.transpose(1, 2)
        depths, _ = depths_of(num_codebooks, latents, 1)
        vectors, codes, losses = quantize_level(
            self.codebook, self.remedies, self.penalties, frames, depths > 0, self.training
        )
        quantized = used(depths, estimated(self.gradient, frames, vectors, self.training))
        return Quantized(quantized.transpose(1, 2), codes[:, None], losses)

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Codes int64 [B, 1, T] of latents [B, D, T]. UsageError: `num_codebooks` other than 1."""
        levels_of(num_codebooks, 1)
        frames = latents.transpose(1, 2)
        return self.codebook.search(frames.reshape(-1, frames.shape[-1])).reshape(frames.shape[:-1])[:, None]

    def decode(self, codes: Tensor) -> Tensor:
        """Latents [B, D, T] of codes [B, 1, T]."""
        return self.codebook.lookup(codes[:, 0]).transpose(1, 2)
