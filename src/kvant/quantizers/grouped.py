"""Groups of channels, each quantized by itself: product quantization (Jegou et al., 2011), GRVQ (Yang et al., 2023)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.protocols import Quantized, Quantizer
from kvant.quantizers.beam import check_beam
from kvant.quantizers.depth import depths_of, levels_of
from kvant.quantizers.slots import decode_present, level_major, search_part


class GroupedQuantizer(nn.Module):
    """G quantizers of D/G channels each. Codes [B, K, T] are interleaved: level 0 of every group, then level 1, ...

    So a prefix is coarse in all groups rather than whole in some; a group of which it holds no code is zero. Of
    VectorQuantizers this is product quantization; of ResidualQuantizers, HiFi-Codec's grouped residual quantizer; of
    FiniteScalarQuantizers, NanoCodec's. The gradient is the groups', block by block.
    """

    def __init__(self, quantizers: Sequence[Quantizer]) -> None:
        super().__init__()
        self.quantizers: Sequence[Quantizer] = nn.ModuleList(quantizers)  # type: ignore[assignment, arg-type]
        self.slots = level_major(quantizers)
        self.codebook_sizes = self.slots.sizes(quantizers)

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """Quantize with gradient, to 1..K codes or int64 [B] of 0..K. UsageError: D is no multiple of G."""
        _, computed = depths_of(num_codebooks, latents, len(self.codebook_sizes))
        quantized: list[Tensor] = []
        codes: list[Tensor | None] = []
        losses: dict[str, Tensor] = {}
        for index, (quantizer, group) in enumerate(zip(self.quantizers, self.groups(latents))):
            if isinstance(num_codebooks, Tensor):
                result = quantizer(group, self.slots.depths(index, num_codebooks))
            elif depth := self.slots.depth(index, computed):
                result = quantizer(group, depth)
            else:
                quantized.append(torch.zeros_like(group))
                codes.append(None)
                continue
            quantized.append(result.latents)
            codes.append(result.codes)
            for name, loss in result.losses.items():
                losses[name] = losses.get(name, 0) + self.slots.share(index) * loss
        return Quantized(torch.cat(quantized, dim=1), self.slots.join(codes), losses)

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Codes int64 [B, K, T] of latents [B, D, T], for the first `num_codebooks` (default all)."""
        return self.search(latents, num_codebooks, 1)

    def search(self, latents: Tensor, num_codebooks: int | None, beam: int) -> Tensor:
        """Codes [B, K, T], each group's by its own beam search: groups do not add up, so none concerns another."""
        check_beam(beam)
        levels = levels_of(num_codebooks, len(self.codebook_sizes))
        parts = enumerate(zip(self.quantizers, self.groups(latents)))
        depths = [self.slots.depth(index, levels) for index in range(len(self.quantizers))]
        return self.slots.join(
            [search_part(part, group, depths[index], beam) if depths[index] else None for index, (part, group) in parts]
        )

    def decode(self, codes: Tensor) -> Tensor:
        """Latents [B, D, T] of codes [B, k, T], for any k up to K."""
        parts = zip(self.quantizers, self.slots.split(codes))
        return torch.cat([decode_present(part, part_codes) for part, part_codes in parts], dim=1)

    def groups(self, latents: Tensor) -> Sequence[Tensor]:
        """G tensors [B, D/G, T] of latents [B, D, T]. UsageError: D is no multiple of G."""
        if latents.shape[1] % len(self.quantizers):
            raise UsageError(f"latents of {latents.shape[1]} channels do not split into {len(self.quantizers)} groups")
        return latents.chunk(len(self.quantizers), dim=1)
