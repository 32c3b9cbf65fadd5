"""One codebook whose choice is relaxed in training: codes are drawn, or mixed, and the choice itself has a gradient."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kvant.protocols import Penalty, Quantized, Relaxation, Remedy
from kvant.quantizers.codebooks import TrackedCodebook
from kvant.quantizers.depth import depths_of, used
from kvant.quantizers.gradients import Annealed, straight_through
from kvant.quantizers.remedies import KMeansInit, ReviveDeadCodes
from kvant.quantizers.vector import VectorQuantizer, quantize_level


class RelaxedQuantizer(VectorQuantizer):
    """Latents [B, D, T] -> codes [B, 1, T]; with logits -|z - e|^2, codes are as likely as they are near.

    In training the value and the codes are those of `relaxation`, its gradient reaches latents and vectors, and so the
    vectors learn from the task. In evaluation it is a VectorQuantizer: the nearest vector. Commitment, remedies and
    statistics go by the nearest vector in both, since that is what will be used.
    """

    def __init__(
        self,
        codebook: TrackedCodebook,
        relaxation: Relaxation | Annealed,
        remedies: Sequence[Remedy] = (KMeansInit(), ReviveDeadCodes()),
        penalties: Sequence[Penalty] = (),
    ) -> None:
        super().__init__(codebook, straight_through, remedies, penalties)
        self.relaxation = relaxation

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """As VectorQuantizer's, relaxed in training. An annealed relaxation counts the steps of its codebook."""
        if not self.training:
            return super().forward(latents, num_codebooks)
        depths, _ = depths_of(num_codebooks, latents, 1)
        frames = latents.transpose(1, 2)
        relaxation = self.relaxation
        if isinstance(relaxation, Annealed):
            relaxation = relaxation.at(int(self.codebook.steps))
        _, _, losses = quantize_level(self.codebook, self.remedies, self.penalties, frames, depths > 0, True)
        rows, vectors = frames.reshape(-1, frames.shape[-1]), self.codebook.vectors
        quantized, codes = relaxation(nearness(rows, vectors), vectors)
        value = used(depths, quantized.reshape(frames.shape)).transpose(1, 2)
        return Quantized(value, codes.reshape(len(frames), 1, -1), losses)


def nearness(latents: Tensor, vectors: Tensor) -> Tensor:
    """Logits [n, V]: -|z - e|^2 but for |z|^2, which a softmax over the vectors does not see. [n, d], [V, d]."""
    return torch.addmm(-vectors.square().sum(-1), latents, vectors.T, alpha=2)
