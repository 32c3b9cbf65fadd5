"""Stages with a gradient of their own, each quantizing what the last left (as those of Kumar et al., 2023)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.protocols import Quantized, Quantizer
from kvant.quantizers.beam import beam_search, check_beam
from kvant.quantizers.depth import depths_of, levels_of
from kvant.quantizers.slots import decode_present, sequential, vectors_of


class MultiStageQuantizer(nn.Module):
    """r_1 = z, y_k = level_k(r_k), r_{k+1} = r_k - y_k, quantized = sum of y_k; codes [B, K, T] stage after stage.

    The residuals stay *attached* to what the stages give. With dy_k = J_k dr_k, where J_k is the Jacobian that stage k
    pretends to have, dr_{k+1} = (I - J_k) dr_k, so the sum has the gradient I - (I - J_K) ... (I - J_1): stage k
    answers for what the stages before did not. That is for projected, scalar, lookup-free and relaxed stages, whose J
    is a projection or shrinks. Plain codebooks want a ResidualQuantizer: there J = I, after the first stage nothing
    would be left of the gradient, and the commitment of every deeper level would be cut off from the encoder.
    """

    def __init__(self, levels: Sequence[Quantizer]) -> None:
        super().__init__()
        self.levels: Sequence[Quantizer] = nn.ModuleList(levels)  # type: ignore[assignment, arg-type]
        self.slots = sequential(levels)
        self.codebook_sizes = self.slots.sizes(levels)

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """Quantize with gradient, to 1..K codes or int64 [B] of 0..K.

        Codes an item does not use ask nothing of it and do not enter its latents; their stages learn from it all the
        same (from what is left of it by vectors that have just learnt), and they are returned. With an int, only so
        many are computed.
        """
        _, computed = depths_of(num_codebooks, latents, len(self.codebook_sizes))
        residual, quantized = latents, torch.zeros_like(latents)
        codes: list[Tensor] = []
        losses: dict[str, Tensor] = {}
        for index, level in enumerate(self.levels):
            if isinstance(num_codebooks, Tensor):
                depth = self.slots.depths(index, num_codebooks)
                result = level(residual, depth)
                whole = depth == len(level.codebook_sizes)
                taken = torch.where(whole[:, None, None], result.latents, level.decode(result.codes).detach())
            elif stage_depth := self.slots.depth(index, computed):
                result = level(residual, stage_depth)
                taken = result.latents
            else:
                break
            quantized, residual = quantized + result.latents, residual - taken
            codes.append(result.codes)
            for name, loss in result.losses.items():
                losses[name] = losses.get(name, 0) + self.slots.share(index) * loss
        return Quantized(quantized, torch.cat(codes, dim=1), losses)

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Codes int64 [B, K, T] of latents [B, D, T], for the first `num_codebooks` (default all), stage by stage."""
        levels = levels_of(num_codebooks, len(self.codebook_sizes))
        codes = []
        for index, level in enumerate(self.levels):
            if not (depth := self.slots.depth(index, levels)):
                break
            codes.append(level.encode(latents, depth))
            latents = latents - level.decode(codes[-1])
        return torch.cat(codes, dim=1)

    def search(self, latents: Tensor, num_codebooks: int | None, beam: int) -> Tensor:
        """Codes [B, K, T] whose sum is nearest to latents [B, D, T], as far as the beam sees; 1 is `encode`.

        The distance is that of the latents, whatever space a stage searches. UsageError: a stage has several codes.
        """
        check_beam(beam)
        if beam == 1:
            return self.encode(latents, num_codebooks)
        if len(self.levels) < len(self.codebook_sizes):
            raise UsageError(f"beam {beam}: only stages of one code each can be searched together; leave it at 1")
        levels = levels_of(num_codebooks, len(self.codebook_sizes))
        batch, dim, frames = latents.shape
        vectors = [vectors_of(level, latents) for level in self.levels[:levels]]
        codes = beam_search(latents.transpose(1, 2).reshape(-1, dim), vectors, beam)
        return codes.reshape(batch, frames, levels).transpose(1, 2)

    def decode(self, codes: Tensor) -> Tensor:
        """Latents [B, D, T] of codes [B, k, T], for any k up to K."""
        parts = zip(self.levels, self.slots.split(codes))
        first, *others = (self.decode_level(level, level_codes) for level, level_codes in parts)
        return sum(others, start=first)

    def decode_level(self, level: Quantizer, codes: Tensor) -> Tensor:
        """What a stage adds: [B, D, T] of all its codes [B, K, T], some of which may be ABSENT."""
        return decode_present(level, codes)
