"""One rank of a distributed run, as a script: python two_ranks.py RANK WORLD FOLDER. Used by `test_ranks.py`."""

import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from kvant.protocols import Codebook
from kvant.quantizers import ResidualQuantizer
from kvant.quantizers.gradients import straight_through
from tests.laws import composites
from tests.laws.composites import COMPOSITES, NESTED, SPAN
from tests.laws.implementers import CODEBOOKS, REMEDIES

SIZE, DIM, ITEMS, STEPS = 16, 3, 4, 12

BUILDERS = {**{kind.__name__: build for kind, build in COMPOSITES.items()}, **NESTED}


def run(codebook: type, rank: int, world: int) -> dict[str, Tensor]:
    """The state of a quantizer after STEPS training steps, of which this rank sees its share of every batch.

    Level 1 is used by all items, by items of the first rank only, of the last rank only, and by none. Halfway, five
    codes are declared dead, so that they are revived.
    """
    torch.manual_seed(0)
    remedies = () if codebook.frozen else tuple(build() for build in REMEDIES.values())
    books: list[Codebook] = [CODEBOOKS[codebook](SIZE, DIM) for _ in range(2)]
    quantizer = ResidualQuantizer(books, straight_through, remedies).train()
    mine = slice(rank * ITEMS // world, (rank + 1) * ITEMS // world)
    for step in range(STEPS):
        frames = 30 if step else 3  # codebooks are started in two steps
        latents = torch.randn(ITEMS, DIM, frames, generator=torch.Generator().manual_seed(step))
        depths = torch.tensor(((2, 2, 2, 2), (2, 2, 1, 1), (1, 1, 1, 2), (1, 1, 1, 1))[step % 4])
        if step == STEPS // 2:
            for book in books:
                book.usage[:5] = 0
        quantizer(latents[mine], depths[mine])
    return {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}


def run_composite(name: str, rank: int, world: int) -> dict[str, Tensor]:
    """The state of a quantizer made of quantizers after a few training steps, items of all depths in both halves."""
    torch.manual_seed(0)
    quantizer = BUILDERS[name]().train()
    mine = slice(rank * ITEMS // world, (rank + 1) * ITEMS // world)
    for step in range(4):
        latents = torch.randn(ITEMS, composites.DIM, 30 * SPAN, generator=torch.Generator().manual_seed(step))
        full = len(quantizer.codebook_sizes)
        quantizer(latents[mine], torch.tensor((full, full // 2, full, max(full - 1, 0)))[mine])
    return {key: tensor.clone() for key, tensor in quantizer.state_dict().items()}


def main() -> None:
    rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world, timeout=timedelta(seconds=100)
    )
    states = {kind.__name__: run(kind, rank, world) for kind in CODEBOOKS}
    states |= {name: run_composite(name, rank, world) for name in BUILDERS}
    torch.save(states, folder / f"rank{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
