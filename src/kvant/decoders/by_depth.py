"""A decoder that is told how many levels its latents are the sum of (Siuzdak, 2023, section 4: "bandwidth")."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kvant.receptive_field import ReceptiveField
from kvant.streaming import LookAhead


class Told(LookAhead):
    """decoder(latents, condition): the decoder for one condition, int64 [B], or [1] for all items."""

    def __init__(self, decoder: LookAhead, condition: Tensor) -> None:
        super().__init__()
        self.decoder, self.condition = decoder, condition

    @property
    def receptive_field(self) -> ReceptiveField:
        return self.decoder.receptive_field

    def forward(self, latents: Tensor) -> Tensor:
        return self.decoder(latents, self.condition)


class ByDepth(LookAhead):
    """One decoder for latents of several depths: `at_depth(depth)` is the one for so many levels.

    decoder: of latents and of the index of a depth among `depths`, ascending. It knows no others: told is the largest
    that is not above the latents' own, and the smallest below that. So it never takes them for better than they are,
    but at fewer levels than the smallest. Called without a depth, it takes them for the largest.
    """

    depths: Tensor

    def __init__(self, decoder: LookAhead, depths: Sequence[int]) -> None:
        super().__init__()
        self.decoder = decoder
        self.register_buffer("depths", torch.tensor(depths), persistent=False)

    @property
    def receptive_field(self) -> ReceptiveField:
        return self.decoder.receptive_field

    def condition(self, depth: int | Tensor) -> Tensor:
        """Index of the depth to tell: [1] of an int, [B] of int64 [B]."""
        asked = depth if isinstance(depth, Tensor) else self.depths.new_full((1,), depth)
        return ((self.depths <= asked.reshape(-1, 1)).sum(dim=-1) - 1).clamp(min=0)

    def at_depth(self, depth: int | Tensor) -> Told:
        """The decoder for latents of `depth` levels, or of int64 [B], each item's."""
        return Told(self.decoder, self.condition(depth))

    def forward(self, latents: Tensor) -> Tensor:
        return self.at_depth(self.depths[-1])(latents)
