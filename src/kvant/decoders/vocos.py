"""The decoder of Vocos (Siuzdak, 2023): ConvNeXt blocks at the frame rate, and one spectrum a frame."""

from dataclasses import dataclass
from functools import reduce
from typing import Protocol

from torch import Tensor, nn

from kvant.layers.convnext import CentredConvNeXtBlock
from kvant.receptive_field import ReceptiveField, receptive_field
from kvant.streaming import LookAhead


@dataclass(frozen=True)
class BackboneConfig:
    """Width, hidden width and number of the ConvNeXt blocks."""

    channels: int = 384
    hidden: int = 1152
    blocks: int = 8


class Norm(Protocol):
    """Builds a norm of frames [B, T, C]: of these alone, or also of what the decoder is told."""

    def __call__(self, channels: int) -> nn.Module: ...


def layer_norm(channels: int) -> nn.Module:
    """Of the frames alone."""
    return nn.LayerNorm(channels, eps=1e-6)


class VocosDecoder(LookAhead):
    """latents [B, D, T] -> wav [B, 1, T * hop], `head` (as `CentredISTFTHead`) making wav of frames [B, C, T].

        conv 7 -> place -> norm -> ConvNeXt blocks -> layer norm -> head

    Zeros stand for what lies outside the signal. norm: builds the first norm and those of the blocks. place: [B, C, T]
    to the same, for what frames know of their place in the signal (WavTokenizer); nothing in Vocos.
    """

    def __init__(
        self,
        latent_dim: int,
        config: BackboneConfig,
        head: nn.Module,
        norm: Norm = layer_norm,
        place: nn.Module | None = None,
    ) -> None:
        super().__init__()
        channels = config.channels
        self.enter = nn.Conv1d(latent_dim, channels, 7, padding=3)
        self.place = nn.Identity() if place is None else place
        self.norm = norm(channels)
        self.blocks = nn.ModuleList(
            CentredConvNeXtBlock(channels, config.hidden, norm(channels), scale=1 / config.blocks)
            for _ in range(config.blocks)
        )
        self.last_norm = layer_norm(channels)
        self.head = head
        for module in (self.enter, *self.blocks.modules()):
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    @property
    def receptive_field(self) -> ReceptiveField:
        parts = (self.enter, self.place, *self.blocks, self.head)
        return reduce(ReceptiveField.then, map(receptive_field, parts))

    def forward(self, latents: Tensor, *told: Tensor) -> Tensor:
        """told: what the norms take besides frames."""
        x = self.place(self.enter(latents)).transpose(1, 2)
        x = self.norm(x, *told).transpose(1, 2)
        for block in self.blocks:
            x = block(x, *told)
        return self.head(self.last_norm(x.transpose(1, 2)).transpose(1, 2))
