"""How fast a training step through a quantizer is, ours beside vector_quantize_pytorch's: forward and backward.

    python benchmarks/quantizers.py [--rounds 30] [NAME ...]

Latents [16, 64, 75] (16 items of a second at 75 frames), float32, one thread. Residual ones have 8 levels of 1,024.
Both are given the same vectors to start from and take turns in one process, so that what else the machine does meets
both; medians of processor time. Theirs takes [16, 75, 64], its native layout. NAME: only rows whose name contains it.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import vector_quantize_pytorch as theirs
from torch import Tensor, nn

from kvant.quantizers import (
    EMACodebook,
    FiniteScalarQuantizer,
    GroupedQuantizer,
    LearnedCodebook,
    LookupFreeQuantizer,
    ProjectedQuantizer,
    ResidualQuantizer,
    VectorQuantizer,
    residual_scalar,
)
from kvant.quantizers.codebooks import SimVQCodebook
from kvant.quantizers.gradients import DiVeQ, rotation_trick, straight_through
from kvant.quantizers.projected import FrameLinear
from kvant.quantizers.remedies import ReviveDeadCodes

BATCH, DIM, FRAMES, LEVELS, SIZE = 16, 64, 75, 8, 1024
FSQ = [8, 5, 5, 5]
LFQ_BITS = 10


class Pair(NamedTuple):
    """A method, and what builds it on either side."""

    name: str
    ours: Callable[[], nn.Module]
    theirs: Callable[[], nn.Module]


def residual(codebook: Callable[[int, int], nn.Module] = EMACodebook, dim: int = DIM, **parts: object) -> nn.Module:
    parts = {"gradient": straight_through, "remedies": ()} | parts
    return ResidualQuantizer([codebook(SIZE, dim) for _ in range(LEVELS)], **parts)


def their_residual(**settings: object) -> nn.Module:
    settings = {"rotation_trick": False, "decay": 0.99} | settings
    return theirs.ResidualVQ(dim=DIM, num_quantizers=LEVELS, codebook_size=SIZE, **settings)


def projected(quantizer: nn.Module, dim: int) -> nn.Module:
    return ProjectedQuantizer(quantizer, FrameLinear(DIM, dim), FrameLinear(dim, DIM))


PAIRS = (
    Pair("residual, EMA, straight-through", residual, their_residual),
    Pair(
        "residual, EMA, rotation trick",
        lambda: residual(gradient=rotation_trick),
        lambda: their_residual(rotation_trick=True),
    ),
    Pair(
        "residual, EMA, dead codes revived",
        lambda: residual(remedies=(ReviveDeadCodes(),)),
        lambda: their_residual(threshold_ema_dead_code=2),
    ),
    Pair(
        "residual, learned",
        lambda: residual(LearnedCodebook),
        lambda: their_residual(learnable_codebook=True, ema_update=False),
    ),
    Pair(
        "residual, DiVeQ",
        lambda: residual(LearnedCodebook, gradient=DiVeQ()),
        lambda: theirs.ResidualVQ(dim=DIM, num_quantizers=LEVELS, codebook_size=SIZE, diveq=True),
    ),
    Pair(
        "two groups, residual, EMA",
        lambda: GroupedQuantizer([residual(dim=DIM // 2) for _ in range(2)]),
        lambda: theirs.GroupedResidualVQ(
            dim=DIM, groups=2, num_quantizers=LEVELS, codebook_size=SIZE, rotation_trick=False, decay=0.99
        ),
    ),
    Pair(
        "residual, SimVQ",
        lambda: residual(SimVQCodebook),
        lambda: theirs.ResidualSimVQ(dim=DIM, num_quantizers=LEVELS, codebook_size=SIZE, rotation_trick=False),
    ),
    Pair(
        "one level, EMA",
        lambda: VectorQuantizer(EMACodebook(SIZE, DIM), straight_through, ()),
        lambda: theirs.VectorQuantize(DIM, SIZE, rotation_trick=False, decay=0.99),
    ),
    Pair(
        "one level, SimVQ",
        lambda: VectorQuantizer(SimVQCodebook(SIZE, DIM), straight_through, ()),
        lambda: theirs.SimVQ(dim=DIM, codebook_size=SIZE, rotation_trick=False),
    ),
    Pair(
        "FSQ 8 5 5 5, projected",
        lambda: projected(FiniteScalarQuantizer(FSQ), len(FSQ)),
        lambda: theirs.FSQ(FSQ, dim=DIM),
    ),
    Pair(
        "residual FSQ 8 5 5 5, projected",
        lambda: projected(residual_scalar(FSQ, LEVELS), len(FSQ)),
        lambda: theirs.ResidualFSQ(levels=FSQ, num_quantizers=LEVELS, dim=DIM),
    ),
    Pair(
        "LFQ, 10 bits, projected",
        lambda: projected(LookupFreeQuantizer(LFQ_BITS), LFQ_BITS),
        lambda: theirs.LFQ(dim=DIM, codebook_size=1 << LFQ_BITS, commitment_loss_weight=0.25),
    ),
)


def align(ours: nn.Module, other: nn.Module) -> None:
    """Give theirs our vectors, where both keep tables: searches then choose alike."""
    books = [part for part in ours.modules() if isinstance(part, EMACodebook | LearnedCodebook)]
    tables = [part for part in other.modules() if hasattr(part, "embed")]
    for book, table in zip(books, tables):
        table.embed.data.copy_(book.vectors.detach()[None])
        if hasattr(table, "embed_avg"):
            table.embed_avg.data.copy_(book.vectors.detach()[None])


def ours_step(quantizer: nn.Module, latents: Tensor, weights: Tensor) -> None:
    result = quantizer(latents)
    ((result.latents * weights).sum() + sum(result.losses.values())).backward()


def their_step(quantizer: nn.Module, latents: Tensor, weights: Tensor) -> None:
    quantized, _, *losses = quantizer(latents)
    loss = (quantized * weights).sum()
    (loss + losses[0].sum() if losses else loss).backward()


def batches() -> Iterator[tuple[Tensor, Tensor]]:
    """Latents that need a gradient and weights of their sum, [16, 64, 75], for ever."""
    generator = torch.Generator().manual_seed(0)
    while True:
        yield torch.randn(BATCH, DIM, FRAMES, generator=generator), torch.randn(BATCH, DIM, FRAMES, generator=generator)


def median_times(pair: Pair, rounds: int) -> tuple[float, float]:
    """Milliseconds of processor time of a step, ours and theirs, taken in turns that change their order."""
    torch.manual_seed(0)
    modules = pair.ours().train(), pair.theirs().train()
    align(*modules)
    times: tuple[list[float], list[float]] = ([], [])
    for index, (latents, weights) in zip(range(rounds + 3), batches()):
        for side in (0, 1) if index % 2 else (1, 0):
            blocks = [block if side == 0 else block.transpose(1, 2).contiguous() for block in (latents, weights)]
            blocks[0].requires_grad_()
            start = time.process_time()
            (ours_step, their_step)[side](modules[side], *blocks)
            times[side].append(1e3 * (time.process_time() - start))
            modules[side].zero_grad()
    ours, others = (statistics.median(each[3:]) for each in times)
    return ours, others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| method | Kvant, ms | vector_quantize_pytorch, ms | times as fast |")
    print("|---|--:|--:|--:|")
    for pair in PAIRS:
        if not arguments.names or any(name in pair.name for name in arguments.names):
            ours, others = median_times(pair, arguments.rounds)
            print(f"| {pair.name} | {ours:.1f} | {others:.1f} | {others / ours:.2f} |", flush=True)


if __name__ == "__main__":
    main()
