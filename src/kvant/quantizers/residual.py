"""Residual vector quantization (Juang and Gray, 1982; Zeghidour et al., 2021): each level codes what the last left."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kvant.protocols import GradientEstimator, Penalty, Quantized, Remedy
from kvant.quantizers.beam import beam_search, check_beam
from kvant.quantizers.codebooks import TrackedCodebook
from kvant.quantizers.depth import depths_of, levels_of, used
from kvant.quantizers.estimated import estimated
from kvant.quantizers.gradients import rotation_trick
from kvant.quantizers.remedies import KMeansInit, ReviveDeadCodes
from kvant.quantizers.slots import ABSENT
from kvant.quantizers.vector import quantize_level


class ResidualQuantizer(nn.Module):
    """K codebooks: latents [B, D, T] -> codes [B, K, T]; any prefix of the levels decodes.

    r_1 = z, q_k = nearest(r_k), r_{k+1} = r_k - sg(q_k). The residuals are differences to *detached* vectors, so that
    the commitment loss of every level reaches the encoder; the gradient estimator is applied once, to z and the sum of
    all q_k.
    """

    def __init__(
        self,
        codebooks: Sequence[TrackedCodebook],
        gradient: GradientEstimator = rotation_trick,
        remedies: Sequence[Remedy] = (KMeansInit(), ReviveDeadCodes()),
        penalties: Sequence[Penalty] = (),
    ) -> None:
        super().__init__()
        self.codebooks: Sequence[TrackedCodebook] = nn.ModuleList(codebooks)  # type: ignore[assignment]
        self.gradient = gradient
        self.remedies = tuple(remedies)
        self.penalties = tuple(penalties)
        self.codebook_sizes = tuple(codebook.size for codebook in codebooks)

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """Quantize with gradient. num_codebooks: levels to use, 1..K for all, or int64 [B] of 0..K (level dropout).

        Levels an item does not use get no commitment from it and do not enter its latents; their codebooks learn
        from it all the same, and their codes are returned. With an int, only so many levels are computed and returned.
        The latents of an item of depth 0 are zero, without gradient.
        """
        depths, computed = depths_of(num_codebooks, latents, len(self.codebooks))
        frames = latents.transpose(1, 2)
        residual, quantized = frames, torch.zeros_like(frames)
        codes: list[Tensor] = []
        losses: dict[str, Tensor] = {}
        for level, codebook in enumerate(self.codebooks[:computed]):
            active = depths > level
            vectors, level_codes, level_losses = quantize_level(
                codebook, self.remedies, self.penalties, residual, active, self.training
            )
            quantized = quantized + torch.where(active[:, None, None], vectors, 0)
            residual = residual - vectors.detach()
            codes.append(level_codes)
            for name, loss in level_losses.items():
                losses[name] = losses.get(name, 0) + loss / len(self.codebooks)
        quantized = used(depths, estimated(self.gradient, frames, quantized, self.training))
        return Quantized(quantized.transpose(1, 2), torch.stack(codes, dim=1), losses)

    def encode(self, latents: Tensor, num_codebooks: int | None = None, beam: int = 1) -> Tensor:
        """Codes int64 [B, K, T] of latents [B, D, T], for the first `num_codebooks` levels (default all).

        beam: how many sums of vectors are followed from level to level; 1, as in training, is greedy. See `search`.
        """
        if beam != 1:
            return self.search(latents, num_codebooks, beam)
        residual = latents.transpose(1, 2)
        codes = []
        for codebook in self.codebooks[: levels_of(num_codebooks, len(self.codebooks))]:
            level_codes = codebook.search(residual.reshape(-1, residual.shape[-1])).reshape(residual.shape[:-1])
            residual = residual - codebook.lookup(level_codes)
            codes.append(level_codes)
        return torch.stack(codes, dim=1)

    def search(self, latents: Tensor, num_codebooks: int | None, beam: int) -> Tensor:
        """Codes int64 [B, K, T] whose levels together are nearest to latents [B, D, T], as far as the beam sees.

        They are chosen for `num_codebooks` levels: with fewer of them, encoding for fewer would have been closer.
        UsageError: a beam below 1.
        """
        check_beam(beam)
        batch, dim, frames = latents.shape
        levels = levels_of(num_codebooks, len(self.codebooks))
        vectors = [codebook.vectors.detach() for codebook in self.codebooks[:levels]]
        codes = beam_search(latents.transpose(1, 2).reshape(-1, dim), vectors, beam)
        return codes.reshape(batch, frames, len(vectors)).transpose(1, 2)

    def decode(self, codes: Tensor) -> Tensor:
        """Latents [B, D, T] of codes [B, k, T], for any k up to K; a code that is ABSENT adds nothing."""
        # In a graph k may be free, and the table is a constant; else it would be put together at every call.
        vectors = self._from_table(codes) if torch.compiler.is_compiling() else self._from_books(codes)
        return vectors.sum(dim=1).transpose(1, 2)

    def _from_books(self, codes: Tensor) -> Tensor:
        """[B, k, T, D]: the vector of each code."""
        levels = zip(self.codebooks[: codes.shape[1]], codes.unbind(1), strict=True)
        return torch.stack(
            [torch.where((own == ABSENT)[..., None], 0, book.lookup(own.clamp(min=0))) for book, own in levels], dim=1
        )

    def _from_table(self, codes: Tensor) -> Tensor:
        """The same, from one table of all codebooks."""
        vectors = [codebook.vectors for codebook in self.codebooks]
        table = torch.cat([*vectors, torch.zeros_like(vectors[0][:1])])
        sizes = torch.tensor([0, *self.codebook_sizes[:-1]], device=codes.device)
        first = sizes.cumsum(0)[: codes.shape[1], None]  # row of the table where each level's codebook begins
        return nn.functional.embedding(torch.where(codes == ABSENT, len(table) - 1, codes + first), table)
