"""The remedies that b2 compares, each as a quantizer of one level for latents of 64 dimensions."""

from collections.abc import Callable, Sequence

from torch import nn

from kvant.lab.latents import DIM
from kvant.protocols import Penalty, Quantizer, Remedy
from kvant.quantizers import (
    FiniteScalarQuantizer,
    LearnedCodebook,
    ProjectedQuantizer,
    TrackedCodebook,
    VectorQuantizer,
)
from kvant.quantizers.codebooks import NormalizedCodebook, SimVQCodebook
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.penalties import WassersteinPenalty
from kvant.quantizers.projected import UnitNorm
from kvant.quantizers.remedies import KMeansInit, OnlineClustering, ReviveDeadCodes

BOTH = (KMeansInit(), ReviveDeadCodes())
LEVELS = {1024: (8, 5, 5, 5), 4096: (8, 8, 8, 8), 16384: (8, 8, 8, 6, 5)}
"""Of finite scalar quantization, for a codebook of about that size (Mentzer et al., 2023, table 1)."""


def _vectors(
    kind: Callable[[int, int], TrackedCodebook], remedies: Sequence[Remedy] = (), penalties: Sequence[Penalty] = ()
) -> Callable[[int], Quantizer]:
    return lambda size: VectorQuantizer(kind(size, DIM), straight_through, remedies, penalties)


def _normalized(size: int) -> Quantizer:
    directions = VectorQuantizer(NormalizedCodebook(size, 8), straight_through, BOTH)
    return ProjectedQuantizer(directions, nn.Sequential(nn.Conv1d(DIM, 8, 1), UnitNorm()), nn.Conv1d(8, DIM, 1))


def _scalars(size: int) -> Quantizer:
    levels = LEVELS[size]
    into, out = nn.Conv1d(DIM, len(levels), 1), nn.Conv1d(len(levels), DIM, 1)
    return ProjectedQuantizer(FiniteScalarQuantizer(levels), into, out)


NOTHING, RECOMMENDED = "nothing", "+ revival"
RUNGS: dict[str, tuple[float, Callable[[int], Quantizer]]] = {
    NOTHING: (0.03, _vectors(LearnedCodebook)),
    "k-means start": (0.01, _vectors(LearnedCodebook, BOTH[:1])),
    RECOMMENDED: (0.01, _vectors(LearnedCodebook, BOTH)),
    "+ 8-d, l2": (0.03, _normalized),
    "SimVQ": (0.03, _vectors(SimVQCodebook)),
    "Wasserstein": (0.03, _vectors(LearnedCodebook, penalties=(WassersteinPenalty(),))),
    "online clustering": (0.03, _vectors(LearnedCodebook, (OnlineClustering(),))),
    "FSQ": (0.03, _scalars),
}
"""Name -> learning rate and builder.

Codebooks that start at cluster centres have the lower rate: at 0.03 the largest one uses fewer of its codes. Those with
+ have what stands above them, too; the others start at random.
"""
