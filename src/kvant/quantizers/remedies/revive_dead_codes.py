"""Move codes that nobody uses onto latents (Zeghidour et al., 2021; relative rule: Mimi, Defossez et al., 2024)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kvant.protocols import Codebook
from kvant.quantizers.distributed import gather_rows


@dataclass(frozen=True)
class ReviveDeadCodes:
    """Every `interval` steps, codes used less than `share` of the uniform rate restart at random latents of the batch.

    The rule is relative: it means the same for any batch and codebook size, as long as the usage window (some 20 steps)
    sees several latents per code. (An absolute count, as in EnCodec, restarts living codes for ever once a batch has
    fewer vectors than the codebook has codes.)
    """

    share: float = 0.1
    interval: int = 5

    def __call__(self, codebook: Codebook, latents: Tensor) -> None:
        step = int(codebook.steps)
        if step == 0 or step % self.interval:
            return
        dead = codebook.usage < self.share
        latents = gather_rows(latents)
        count = int(dead.sum())
        if count == 0:
            return
        generator = torch.Generator(latents.device).manual_seed(step)
        picks = torch.randint(len(latents), (count,), generator=generator, device=latents.device)
        codebook.replace(dead, latents[picks])
