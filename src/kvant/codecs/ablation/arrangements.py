"""How each quantizer is put together of one kind of codebook, gradient and remedies: K levels of V codes for D dims."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log2
from typing import Any

from kvant.codecs.ablation.kit import Kit
from kvant.codecs.ablation.parts import call, made, named
from kvant.errors import UsageError
from kvant.protocols import Quantizer
from kvant.quantizers import (
    CODEBOOKS,
    BinarySphericalQuantizer,
    Continuous,
    FiniteScalarQuantizer,
    GroupedQuantizer,
    LookupFreeQuantizer,
    MultiStageQuantizer,
    ProjectedQuantizer,
    ResidualQuantizer,
    SplitQuantizer,
    UniformScalarQuantizer,
    VectorQuantizer,
)
from kvant.quantizers.gradients import GRADIENTS, RELAXATIONS, Annealed
from kvant.quantizers.penalties import PENALTIES
from kvant.quantizers.relaxed import RelaxedQuantizer
from kvant.quantizers.remedies import REMEDIES
from kvant.quantizers.space_filling import SpaceFillingQuantizer


@dataclass(frozen=True)
class QuantizerConfig:
    """Parts by name, as `parts.named` reads them; JSON-able.

    A quantizer's arguments are those of its arrangement below. What it has no use for it ignores: one without
    codebooks, their remedies; all but relaxed ones, the relaxation.
    """

    quantizer: str = "ResidualQuantizer"
    codebook: str = "EMACodebook"
    gradient: str = "straight_through"
    relaxation: str = "StraightThroughGumbel"
    remedies: tuple[str, ...] = ("KMeansInit", "ReviveDeadCodes")
    penalties: tuple[str, ...] = ()


def build_quantizer(config: QuantizerConfig, dim: int, levels: int, size: int) -> Quantizer:
    """The quantizer of `config` for latents of `dim` dimensions, with `levels` codes a frame of `size` values each.

    UsageError: a part that does not exist, or one that cannot be made so.
    """
    book, arguments = named(config.codebook, CODEBOOKS, "codebook")
    kit = Kit(
        *(dim, levels, size),
        codebook=lambda size, dim: call(book, arguments, config.codebook, "codebook", size, dim),
        gradient=made(config.gradient, GRADIENTS, "gradient"),
        relaxation=made(config.relaxation, (*RELAXATIONS, Annealed), "relaxation"),
        remedies=tuple(made(remedy, REMEDIES, "remedy") for remedy in config.remedies),
        penalties=tuple(made(penalty, PENALTIES, "penalty") for penalty in config.penalties),
    )
    kind, options = named(config.quantizer, tuple(ARRANGEMENTS), "quantizer")
    quantizer: Quantizer = call(ARRANGEMENTS[kind], options, config.quantizer, "quantizer", kit)
    return quantizer


def vector(kit: Kit) -> VectorQuantizer:
    """A single codebook, whatever the number of levels."""
    return kit.vector(kit.dim)


def residual(kit: Kit) -> ResidualQuantizer:
    """K codebooks one after the other."""
    return kit.residual(kit.dim, kit.levels)


def multi_stage(kit: Kit) -> MultiStageQuantizer:
    """K codebooks whose residuals stay attached: what a ResidualQuantizer is there to avoid."""
    return MultiStageQuantizer([kit.vector(kit.dim) for _ in range(kit.levels)])


def grouped(kit: Kit, groups: int = 2) -> GroupedQuantizer:
    """`groups` residual quantizers of K / groups levels each."""
    if groups < 1 or kit.levels % groups or kit.dim % groups:
        raise UsageError(f"{kit.levels} levels and {kit.dim} dimensions do not split into {groups} groups")
    return GroupedQuantizer([kit.residual(kit.dim // groups, kit.levels // groups) for _ in range(groups)])


def split(kit: Kit, dim: int = 32) -> SplitQuantizer:
    """One codebook beside a residual quantizer of K - 1 levels, each behind a projection to `dim` dimensions."""
    first, others = kit.vector(dim), kit.residual(dim, max(kit.levels - 1, 1))
    return SplitQuantizer(kit.projected(first, dim), kit.projected(others, dim, 1))


def projected(kit: Kit, dim: int = 8, unit: bool = False) -> MultiStageQuantizer:
    """K codebooks of `dim` dimensions, each behind a projection of its own (factorised codes)."""
    return MultiStageQuantizer([kit.projected(kit.vector(dim), dim, stage, unit) for stage in range(kit.levels)])


def finite_scalar(kit: Kit, levels: tuple[int, ...] = (8, 6, 5)) -> MultiStageQuantizer:
    """K codes of `levels`, each behind a projection of its own."""
    stages = [FiniteScalarQuantizer(levels, kit.gradient) for _ in range(kit.levels)]
    return MultiStageQuantizer([kit.projected(stage, len(levels), place) for place, stage in enumerate(stages)])


def uniform_scalar(kit: Kit, levels: tuple[int, ...] = (8, 6, 5)) -> MultiStageQuantizer:
    """K codes of `levels`, each behind a projection of its own."""
    stages = [UniformScalarQuantizer(levels, kit.gradient) for _ in range(kit.levels)]
    return MultiStageQuantizer([kit.projected(stage, len(levels), place) for place, stage in enumerate(stages)])


def lookup_free(kit: Kit) -> MultiStageQuantizer:
    """K codes of log2 V bits, each behind a projection of its own."""
    stages = [LookupFreeQuantizer(bits(kit), kit.gradient) for _ in range(kit.levels)]
    return MultiStageQuantizer([kit.projected(stage, bits(kit), place) for place, stage in enumerate(stages)])


def binary_spherical(kit: Kit) -> MultiStageQuantizer:
    """K codes of log2 V bits, each behind a projection of its own."""
    stages = [BinarySphericalQuantizer(bits(kit), kit.gradient) for _ in range(kit.levels)]
    return MultiStageQuantizer([kit.projected(stage, bits(kit), place) for place, stage in enumerate(stages)])


def relaxed(kit: Kit) -> MultiStageQuantizer:
    """K relaxed codebooks."""
    books = [kit.codebook(kit.size, kit.dim) for _ in range(kit.levels)]
    return MultiStageQuantizer([RelaxedQuantizer(book, kit.relaxation, kit.remedies, kit.penalties) for book in books])


def space_filling(kit: Kit) -> MultiStageQuantizer:
    """K codebooks, each a curve while it trains."""
    books = [kit.codebook(kit.size, kit.dim) for _ in range(kit.levels)]
    parts = kit.gradient, kit.remedies, kit.penalties
    return MultiStageQuantizer([SpaceFillingQuantizer(book, *parts) for book in books])


def continuous(kit: Kit) -> Continuous:
    """The ceiling: no codes."""
    return Continuous()


def bits(kit: Kit) -> int:
    """A code's. UsageError: V is no power of two."""
    if kit.size & (kit.size - 1):
        raise UsageError(f"codebook_size {kit.size}: bits make a power of two; set one")
    return int(log2(kit.size))


ARRANGEMENTS: dict[type, Callable[..., Any]] = {
    VectorQuantizer: vector,
    ResidualQuantizer: residual,
    MultiStageQuantizer: multi_stage,
    GroupedQuantizer: grouped,
    SplitQuantizer: split,
    ProjectedQuantizer: projected,
    FiniteScalarQuantizer: finite_scalar,
    UniformScalarQuantizer: uniform_scalar,
    LookupFreeQuantizer: lookup_free,
    BinarySphericalQuantizer: binary_spherical,
    RelaxedQuantizer: relaxed,
    SpaceFillingQuantizer: space_filling,
    Continuous: continuous,
}
"""How each quantizer is arranged; what its text gives goes to these arguments.

All but MultiScaleQuantizer, a frame of which is several hops of the encoder.
"""
