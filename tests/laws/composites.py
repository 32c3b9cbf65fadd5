"""Builders of quantizers without a codebook of their own: of those that have parts, one with parts of several kinds."""

from collections.abc import Callable, Sequence

from torch import nn

from kvant.protocols import Quantizer, Remedy
from kvant.quantizers import (
    BinarySphericalQuantizer,
    Continuous,
    EMACodebook,
    FiniteScalarQuantizer,
    GroupedQuantizer,
    LearnedCodebook,
    LookupFreeQuantizer,
    MultiScaleQuantizer,
    MultiStageQuantizer,
    ProjectedQuantizer,
    RelaxedQuantizer,
    ResidualQuantizer,
    SpaceFillingQuantizer,
    SplitQuantizer,
    UniformScalarQuantizer,
    VectorQuantizer,
    residual_scalar,
)
from kvant.quantizers.gradients import StraightThroughGumbel, straight_through
from kvant.quantizers.projected import FrameLinear

DIM = 8
"""Channels that every builder here takes."""

SPAN = 4
"""Latent frames that divide into whole frames of codes of every builder here."""


def vector(size: int, dim: int = DIM, remedies: Sequence[Remedy] = ()) -> VectorQuantizer:
    return VectorQuantizer(EMACodebook(size, dim), straight_through, remedies)


def residual(sizes: tuple[int, ...], dim: int = DIM, remedies: Sequence[Remedy] = ()) -> ResidualQuantizer:
    return ResidualQuantizer([LearnedCodebook(size, dim) for size in sizes], straight_through, remedies)


def channels(quantizer: Quantizer, first: int, count: int) -> ProjectedQuantizer:
    """A quantizer of `count` of the DIM channels, from `first` on; the others are zero."""
    into, out = nn.Conv1d(DIM, count, 1, bias=False), nn.Conv1d(count, DIM, 1, bias=False)
    nn.init.zeros_(into.weight)
    for channel in range(count):
        into.weight.data[channel, first + channel] = 1
    out.weight.data = into.weight.data.transpose(0, 1).clone()
    return ProjectedQuantizer(quantizer, into, out)


def projected(quantizer: Quantizer, dim: int) -> ProjectedQuantizer:
    """A quantizer behind learned projections to `dim` channels, with a bias on the way out."""
    return ProjectedQuantizer(quantizer, FrameLinear(DIM, dim), FrameLinear(dim, DIM))


COMPOSITES: dict[type, Callable[[], Quantizer]] = {
    BinarySphericalQuantizer: lambda: BinarySphericalQuantizer(DIM),
    Continuous: Continuous,
    FiniteScalarQuantizer: lambda: FiniteScalarQuantizer([8, 5, 5, 5, 3, 3, 4, 2]),
    GroupedQuantizer: lambda: GroupedQuantizer([residual((16, 9), 4), residual((12, 16, 8), 4)]),
    LookupFreeQuantizer: lambda: LookupFreeQuantizer(DIM),
    MultiScaleQuantizer: lambda: MultiScaleQuantizer(
        [vector(16), projected(FiniteScalarQuantizer([5, 5]), 2), vector(9)], (4, 2, 1)
    ),
    MultiStageQuantizer: lambda: MultiStageQuantizer(
        [projected(vector(16, 3), 3), projected(FiniteScalarQuantizer([8, 5]), 2), projected(LookupFreeQuantizer(4), 4)]
    ),
    ProjectedQuantizer: lambda: channels(residual((16, 9, 12), 5), 2, 5),
    SplitQuantizer: lambda: SplitQuantizer(channels(vector(10, 3), 0, 3), channels(residual((16, 9), 5), 3, 5)),
    UniformScalarQuantizer: lambda: UniformScalarQuantizer([2, 3, 4, 5, 3, 2, 3, 3]),
}

NESTED: dict[str, Callable[[], Quantizer]] = {
    "split in a group": lambda: GroupedQuantizer(
        [SplitQuantizer(vector(10, 4), residual((8, 9), 4)), residual((16, 4), 4)]
    ),
    "groups of relaxed and of curves": lambda: GroupedQuantizer(
        [
            RelaxedQuantizer(LearnedCodebook(9, 4), StraightThroughGumbel(), ()),
            SpaceFillingQuantizer(LearnedCodebook(7, 4), remedies=()),
        ]
    ),
    "residual scalar": lambda: residual_scalar([2, 3, 4, 5, 2, 3, 3, 2], 3),
    "groups of scalars": lambda: GroupedQuantizer([FiniteScalarQuantizer([8, 7, 6, 6]) for _ in range(2)]),
    "stages of groups": lambda: MultiStageQuantizer(
        [projected(GroupedQuantizer([vector(8, 3), vector(7, 3)]), 6), projected(residual((5, 6), 3), 3)]
    ),
}
"""Composites of composites, which the same laws hold for."""
