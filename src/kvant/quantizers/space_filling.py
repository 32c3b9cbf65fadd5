"""SF-DiVeQ: a codebook as a curve through its vectors while it trains (Vali, Backstrom and Solin, 2026)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kvant.errors import UsageError
from kvant.protocols import GradientEstimator, Penalty, Quantized, Remedy
from kvant.quantizers.codebooks import TrackedCodebook
from kvant.quantizers.depth import depths_of, used
from kvant.quantizers.gradients import DiVeQ
from kvant.quantizers.kmeans import nearest
from kvant.quantizers.remedies import KMeansInit
from kvant.quantizers.vector import VectorQuantizer, quantize_level

DIVEQ = DiVeQ()


class SpaceFillingQuantizer(VectorQuantizer):
    """Latents [B, D, T] -> codes [B, 1, T]; in training a latent may become any point between e_i and e_{i+1}.

    Each step draws a point on every segment, p_i = (1 - t_i) e_i + t_i e_{i+1} with t_i ~ U(0, 1); a latent z takes the
    nearest, with the value (1 - t) DiVeQ(z, e_i) + t DiVeQ(z, e_{i+1}): the task moves both ends of every segment used,
    so that none is left behind and no code needs reviving. In evaluation it is a VectorQuantizer: a place on a segment
    is not in any code. (The paper also evaluates on the curve, which is a bound on what codes can give.)
    """

    def __init__(
        self,
        codebook: TrackedCodebook,
        gradient: GradientEstimator = DIVEQ,
        remedies: Sequence[Remedy] = (KMeansInit(),),
        penalties: Sequence[Penalty] = (),
    ) -> None:
        """UsageError: a codebook of one vector, which has no segment."""
        if codebook.size < 2:
            raise UsageError(f"a codebook of {codebook.size} has no segment to quantize on: give it 2 vectors or more")
        super().__init__(codebook, gradient, remedies, penalties)

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """As VectorQuantizer's; in training on the curve, with the code of the segment's nearer end."""
        if not self.training:
            return super().forward(latents, num_codebooks)
        depths, _ = depths_of(num_codebooks, latents, 1)
        frames = latents.transpose(1, 2)
        _, _, losses = quantize_level(self.codebook, self.remedies, self.penalties, frames, depths > 0, True)
        rows, vectors = frames.reshape(-1, frames.shape[-1]), self.codebook.vectors
        places = torch.rand(len(vectors) - 1, 1, device=rows.device, dtype=rows.dtype)
        fixed = vectors.detach()
        segments = nearest(rows.detach(), torch.lerp(fixed[:-1], fixed[1:], places))
        place = places[segments]
        starts, ends = (self.gradient(rows, vectors.index_select(0, segments + end)) for end in (0, 1))
        codes = segments + (place[:, 0] > 0.5)
        value = used(depths, torch.lerp(starts, ends, place).reshape(frames.shape)).transpose(1, 2)
        return Quantized(value, codes.reshape(len(frames), 1, -1), losses)
