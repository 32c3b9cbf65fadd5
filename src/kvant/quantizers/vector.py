"""Vector quantization (van den Oord et al., 2017): each latent becomes its nearest codebook vector."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kvant.protocols import GradientEstimator, Quantized, Remedy
from kvant.quantizers.codebook import TrackedCodebook
from kvant.quantizers.distributed import sum_over_ranks
from kvant.quantizers.gradients import rotation_trick
from kvant.quantizers.remedies import KMeansInit, ReviveDeadCodes


def quantize_level(
    codebook: TrackedCodebook, remedies: Sequence[Remedy], latents: Tensor, active: Tensor, training: bool
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """One codebook's part of a forward pass: (vectors [B, T, d], codes [B, T], losses).

    latents: [B, T, d]. active: bool [B], the items that use this level: the others get codes and vectors too (the
    caller ignores them), but no loss, no statistics and no say in remedies. Losses are means over active items times
    their share, so that a level used by half the batch weighs half. `commitment` is |z - sg(q)|^2, eq. 3.
    """
    chosen = latents[active].reshape(-1, latents.shape[-1])
    # Ranks decide together: remedies and updates meet in collectives, also from a rank none of whose items are active.
    learn = training and bool(sum_over_ranks(active.sum()) > 0)
    if learn:
        for remedy in remedies:
            remedy(codebook, chosen.detach())
    codes = codebook.search(latents.detach().reshape(-1, latents.shape[-1])).reshape(latents.shape[:-1])
    vectors = codebook.lookup(codes)
    share = active.float().mean()
    losses = {"commitment": latents.new_zeros(())}
    if len(chosen):
        quantized = vectors[active].reshape(chosen.shape)
        losses = {"commitment": (chosen - quantized.detach()).square().mean()} | codebook.losses(chosen, quantized)
    if learn:
        codebook.update(chosen.detach(), codes[active].reshape(-1))
    return vectors, codes, {name: loss * share for name, loss in losses.items()}


class VectorQuantizer(nn.Module):
    """One codebook: latents [B, D, T] -> codes [B, 1, T]."""

    def __init__(
        self,
        codebook: TrackedCodebook,
        gradient: GradientEstimator = rotation_trick,
        remedies: Sequence[Remedy] = (KMeansInit(), ReviveDeadCodes()),
    ) -> None:
        super().__init__()
        self.codebook = codebook
        self.gradient = gradient
        self.remedies = tuple(remedies)
        self.codebook_sizes = (codebook.size,)

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """Quantize with gradient; in training mode, remedies act and statistics move. `num_codebooks` can only be 1."""
        frames = latents.transpose(1, 2)
        active = torch.ones(len(frames), dtype=torch.bool, device=frames.device)
        vectors, codes, losses = quantize_level(self.codebook, self.remedies, frames, active, self.training)
        return Quantized(self.gradient(frames, vectors).transpose(1, 2), codes[:, None], losses)

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Codes int64 [B, 1, T] of latents [B, D, T]."""
        frames = latents.transpose(1, 2)
        return self.codebook.search(frames.reshape(-1, frames.shape[-1])).reshape(frames.shape[:-1])[:, None]

    def decode(self, codes: Tensor) -> Tensor:
        """Latents [B, D, T] of codes [B, 1, T]."""
        return self.codebook.lookup(codes[:, 0]).transpose(1, 2)
