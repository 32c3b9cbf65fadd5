"""Quantizers: latents to codes and back, with a gradient."""

from kvant.quantizers.codebooks import CODEBOOKS, EMACodebook, LearnedCodebook, TrackedCodebook
from kvant.quantizers.continuous import Continuous
from kvant.quantizers.finite_scalar import FiniteScalarQuantizer, UniformScalarQuantizer, residual_scalar
from kvant.quantizers.grouped import GroupedQuantizer
from kvant.quantizers.level_dropout import LEVEL_DROPOUTS, NoDropout, StructuredDropout, UniformDropout
from kvant.quantizers.lookup_free import BinarySphericalQuantizer, LookupFreeQuantizer
from kvant.quantizers.multi_scale import MultiScaleQuantizer
from kvant.quantizers.multi_stage import MultiStageQuantizer
from kvant.quantizers.projected import ProjectedQuantizer
from kvant.quantizers.relaxed import RelaxedQuantizer
from kvant.quantizers.residual import ResidualQuantizer
from kvant.quantizers.space_filling import SpaceFillingQuantizer
from kvant.quantizers.split import SplitQuantizer
from kvant.quantizers.vector import VectorQuantizer

QUANTIZERS = (
    VectorQuantizer,
    RelaxedQuantizer,
    SpaceFillingQuantizer,
    ResidualQuantizer,
    ProjectedQuantizer,
    MultiStageQuantizer,
    GroupedQuantizer,
    SplitQuantizer,
    MultiScaleQuantizer,
    UniformScalarQuantizer,
    FiniteScalarQuantizer,
    LookupFreeQuantizer,
    BinarySphericalQuantizer,
    Continuous,
)

__all__ = [
    "CODEBOOKS",
    "LEVEL_DROPOUTS",
    "QUANTIZERS",
    "BinarySphericalQuantizer",
    "Continuous",
    "EMACodebook",
    "FiniteScalarQuantizer",
    "GroupedQuantizer",
    "LearnedCodebook",
    "LookupFreeQuantizer",
    "MultiScaleQuantizer",
    "MultiStageQuantizer",
    "NoDropout",
    "ProjectedQuantizer",
    "RelaxedQuantizer",
    "ResidualQuantizer",
    "SpaceFillingQuantizer",
    "SplitQuantizer",
    "StructuredDropout",
    "TrackedCodebook",
    "UniformDropout",
    "UniformScalarQuantizer",
    "VectorQuantizer",
    "residual_scalar",
]
