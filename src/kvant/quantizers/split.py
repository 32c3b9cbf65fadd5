"""Two quantizers of the same latents, whose outputs add: one may carry meaning alone (Mimi, Defossez et al., 2024)."""

import torch
from torch import Tensor, nn

from kvant.protocols import Quantized, Quantizer
from kvant.quantizers.beam import check_beam
from kvant.quantizers.depth import depths_of, levels_of
from kvant.quantizers.slots import decode_present, search_part, sequential


class SplitQuantizer(nn.Module):
    """q(z) = semantic(z) + acoustic(z), codes of the semantic quantizer first.

    Neither sees what the other left. So the first may be taught by other means, a speech model's features in Mimi,
    without the acoustic levels having to code the difference; a semantic level inside the residual chain costs quality.
    Each usually sees latents through projections of its own (ProjectedQuantizer), which share the work out between
    them: without, two straight-through gradients add up to twice the identity. The gradient is the sum of both.
    """

    def __init__(self, semantic: Quantizer, acoustic: Quantizer) -> None:
        super().__init__()
        self.semantic, self.acoustic = semantic, acoustic
        self.slots = sequential((semantic, acoustic))
        self.codebook_sizes = self.slots.sizes((semantic, acoustic))

    def forward(self, latents: Tensor, num_codebooks: int | Tensor | None = None) -> Quantized:
        """Quantize with gradient, to 1..K codes or int64 [B] of 0..K."""
        _, computed = depths_of(num_codebooks, latents, len(self.codebook_sizes))
        results = []
        losses: dict[str, Tensor] = {}
        for index, part in enumerate((self.semantic, self.acoustic)):
            if isinstance(num_codebooks, Tensor):
                results.append(part(latents, self.slots.depths(index, num_codebooks)))
            elif depth := self.slots.depth(index, computed):
                results.append(part(latents, depth))
            else:
                break
            for name, loss in results[-1].losses.items():
                losses[name] = losses.get(name, 0) + self.slots.share(index) * loss
        first, *others = (result.latents for result in results)
        return Quantized(sum(others, start=first), torch.cat([result.codes for result in results], dim=1), losses)

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Codes int64 [B, K, T] of latents [B, D, T], for the first `num_codebooks` (default all)."""
        return self.search(latents, num_codebooks, 1)

    def search(self, latents: Tensor, num_codebooks: int | None, beam: int) -> Tensor:
        """Codes [B, K, T], each part's by its own beam search: semantic codes must not hang on the others."""
        check_beam(beam)
        levels = levels_of(num_codebooks, len(self.codebook_sizes))
        depths = [(part, self.slots.depth(index, levels)) for index, part in enumerate((self.semantic, self.acoustic))]
        return torch.cat([search_part(part, latents, depth, beam) for part, depth in depths if depth], dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """Latents [B, D, T] of codes [B, k, T], for any k up to K."""
        semantic, acoustic = self.slots.split(codes)
        return decode_present(self.semantic, semantic) + decode_present(self.acoustic, acoustic)
