"""Codes that are signs: lookup-free (Yu et al., 2024) and binary spherical quantization (Zhao et al., 2024).

Both give a channel one bit, so 2^d codes need no table. And with p(c|z) = softmax of -|z - c|^2 / temperature over all
codes, the bits are independent given z: p(c|z) = product over channels of sigmoid(+-4 m z_i / temperature), m the size
of a value. So the entropy over 2^d codes is the sum of d entropies of bits.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.protocols import GradientEstimator, Quantized
from kvant.quantizers.depth import depths_of, levels_of, used
from kvant.quantizers.estimated import estimated
from kvant.quantizers.gradients import straight_through


def bit_entropy(logits: Tensor) -> Tensor:
    """Entropy in nats of bits that are 1 with probability sigmoid(logits), elementwise."""
    ones = torch.sigmoid(logits)
    return F.softplus(logits) - ones * logits


class LookupFreeQuantizer(nn.Module):
    """y = sign(z) (LFQ; Yu et al., 2024, section 3): latents [B, d, T] -> codes [B, 1, T] of 2^d; bit i: z_i > 0.

    Losses: `commitment`, |z - sg(y)|^2; and in training `entropy`, E[H(p(c|z))] - diversity H(E[p(c|z)]): every latent
    sure of its code, and all codes used. The first term is exact. The second sums the entropies of the mean bits, as
    Zhao et al. do: an upper bound, met when bits are independent, that needs no table of 2^d. Means are over the active
    items of this rank, and `entropy` counts by their share, as commitments do. The gradient is the estimator's.
    """

    places: Tensor

    def __init__(
        self,
        dim: int,
        gradient: GradientEstimator = straight_through,
        temperature: float = 0.01,
        diversity: float = 1.0,
    ) -> None:
        super().__init__()
        self.gradient, self.temperature, self.diversity = gradient, temperature, diversity
        self.magnitude = 1.0
        self.codebook_sizes: tuple[int, ...] = (1 << dim,)
        self.register_buffer("places", 1 << torch.arange(dim), persistent=False)

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """Quantize with gradient. num_codebooks: 1, or int64 [B] of 0 and 1."""
        depths, _ = depths_of(num_codebooks, latents, 1)
        frames = self.placed(latents.transpose(1, 2))
        bits = frames > 0
        values = self.values(bits).to(frames.dtype)
        losses = self.losses(frames, values, depths > 0)
        quantized = used(depths, estimated(self.gradient, frames, values, self.training))
        return Quantized(quantized.transpose(1, 2), self.codes(bits), losses)

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Codes int64 [B, 1, T] of latents [B, d, T]."""
        levels_of(num_codebooks, 1)
        return self.codes(latents.transpose(1, 2) > 0)

    def decode(self, codes: Tensor) -> Tensor:
        """Latents [B, d, T] of codes [B, 1, T]."""
        return self.values(codes[:, 0, :, None] // self.places % 2 > 0).transpose(1, 2)

    def placed(self, latents: Tensor) -> Tensor:
        """Latents [..., d] as they are compared with values."""
        return latents

    def losses(self, latents: Tensor, values: Tensor, active: Tensor) -> dict[str, Tensor]:
        """Of latents and values [B, T, d]; active: bool [B]."""
        error = (latents - values).square().mean(dim=(1, 2))
        losses = {"commitment": torch.where(active, error, 0).mean()}
        return losses | self.entropy(latents, active) if self.training else losses

    def entropy(self, latents: Tensor, active: Tensor) -> dict[str, Tensor]:
        """`entropy` of latents [B, T, d] of active items, in nats."""
        logits = 4 * self.magnitude / self.temperature * latents
        share = active.to(latents.dtype).mean()
        mask = active.to(latents.dtype)[:, None, None] / share.clamp(min=1e-12)
        certain = (mask * bit_entropy(logits)).mean(dim=(0, 1)).sum()
        ones = (mask * torch.sigmoid(logits)).mean(dim=(0, 1)).clamp(1e-7, 1 - 1e-7)
        return {"entropy": share * (certain - self.diversity * bit_entropy(torch.logit(ones)).sum())}

    def values(self, bits: Tensor) -> Tensor:
        """[..., d]: plus or minus `magnitude`."""
        return torch.where(bits, self.magnitude, -self.magnitude)

    def codes(self, bits: Tensor) -> Tensor:
        """int64 [B, 1, T] of bits [B, T, d]."""
        return (bits * self.places).sum(-1)[:, None]


class BinarySphericalQuantizer(LookupFreeQuantizer):
    """u = z / |z|, y = sign(u) / sqrt(d) (BSQ; Zhao et al., 2024): the corners of a cube, on the unit sphere.

    Since |y| = 1 and |u - y| <= sqrt(2 - 2 / sqrt(d)), latents cannot run away from their codes and there is no
    commitment. Losses: `entropy` in training, as LookupFreeQuantizer's, of u. The gradient is the estimator's, then
    that of the normalisation. With Zhao et al.'s p(c|u) = softmax(tau c.u), tau is 2 / temperature.
    """

    def __init__(
        self,
        dim: int,
        gradient: GradientEstimator = straight_through,
        temperature: float = 0.02,
        diversity: float = 1.0,
    ) -> None:
        super().__init__(dim, gradient, temperature, diversity)
        self.magnitude = dim**-0.5

    def placed(self, latents: Tensor) -> Tensor:
        return F.normalize(latents, dim=-1)

    def losses(self, latents: Tensor, values: Tensor, active: Tensor) -> dict[str, Tensor]:
        return self.entropy(latents, active) if self.training else {}
