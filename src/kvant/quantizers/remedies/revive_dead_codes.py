"""Move codes that nobody uses onto latents (Zeghidour et al., 2021; relative rule: Mimi, Defossez et al., 2024)."""

from dataclasses import dataclass

from torch import Tensor

from kvant.protocols import Codebook
from kvant.quantizers.distributed import gather_rows
from kvant.quantizers.remedies.selection import distinct, least_used


@dataclass(frozen=True)
class ReviveDeadCodes:
    """Every `interval` steps, codes used less than `share` of the uniform rate restart at latents of the batch.

    The rule is relative: it means the same for any batch and codebook size, since the window over which usage is
    averaged takes in ten latents a code or more (`codebooks.tracked.usage_window`). (An absolute count, as in EnCodec,
    restarts living codes for ever once a batch has fewer vectors than the codebook has codes.)

    No two codes restart at the same latent, where only one of them could live: a batch revives at most as many codes as
    it has latents, the least used first, and the next round goes on.
    """

    share: float = 0.1
    interval: int = 5

    def __call__(self, codebook: Codebook, latents: Tensor) -> None:
        step = int(codebook.steps)
        if step == 0 or step % self.interval:
            return
        dead = codebook.usage < self.share
        if not dead.any():
            return
        latents = gather_rows(latents)
        dead = least_used(codebook.usage, dead, len(latents))
        codebook.replace(dead, distinct(latents, int(dead.sum()), step))
