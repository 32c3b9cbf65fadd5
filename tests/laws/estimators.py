"""Gradient estimators and relaxations as the laws run over them: those of the lists, so that none is missed."""

from collections.abc import Callable

from kvant.protocols import GradientEstimator, Relaxation
from kvant.quantizers.gradients import GRADIENTS, MIXING, NOISY, RELAXATIONS, TEACHING


def ready(kind: Callable) -> Callable:
    """A listed kind as it is used: a function is ready, a class is built without arguments."""
    return kind() if isinstance(kind, type) else kind


ESTIMATORS: dict[str, GradientEstimator] = {kind.__name__: ready(kind) for kind in GRADIENTS}
TEACHERS = [ready(kind) for kind in TEACHING]
NOISE = [ready(kind) for kind in NOISY]
RELAXED: dict[str, Relaxation] = {kind.__name__: ready(kind) for kind in RELAXATIONS}
MIXTURES = [ready(kind) for kind in MIXING]
