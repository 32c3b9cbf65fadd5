"""What stands in for the gradient of a quantizer.

Gradient estimators, (latents, quantized) -> the value of `quantized` with the gradient of a paper, and relaxations,
(logits, vectors) -> (quantized, codes), which draw or mix codes. Each is a function, or a frozen dataclass that can be
built without arguments; every law is run over whatever is listed here.
"""

from kvant.quantizers.gradients.annealed import Annealed
from kvant.quantizers.gradients.categorical_straight_through import CategoricalStraightThrough
from kvant.quantizers.gradients.decoupled_straight_through import DecoupledStraightThrough
from kvant.quantizers.gradients.diveq import DiVeQ
from kvant.quantizers.gradients.gumbel_softmax import GumbelSoftmax, StraightThroughGumbel
from kvant.quantizers.gradients.noise_substitution import noise_substitution
from kvant.quantizers.gradients.reinmax import ReinMax
from kvant.quantizers.gradients.rotation_trick import rotation_trick
from kvant.quantizers.gradients.soft_to_hard import SoftToHard
from kvant.quantizers.gradients.straight_through import straight_through
from kvant.quantizers.gradients.synchronized import Synchronized
from kvant.quantizers.gradients.uniform_noise import UniformNoise
from kvant.quantizers.gradients.unquantized import Unquantized

GRADIENTS = (straight_through, rotation_trick, noise_substitution, DiVeQ, Synchronized, UniformNoise, Unquantized)
TEACHING = (noise_substitution, DiVeQ, Synchronized)
"""Of them, those through which the task teaches the vectors: these need no codebook loss."""
NOISY = (noise_substitution, DiVeQ, UniformNoise, Unquantized)
"""Of them, those whose value in training is not the quantized one."""

RELAXATIONS = (
    GumbelSoftmax,
    StraightThroughGumbel,
    CategoricalStraightThrough,
    DecoupledStraightThrough,
    ReinMax,
    SoftToHard,
)
MIXING = (GumbelSoftmax, SoftToHard)
"""Of them, those whose value in training is a mixture of vectors; that of the others is one of them."""

__all__ = [
    "GRADIENTS",
    "MIXING",
    "NOISY",
    "RELAXATIONS",
    "TEACHING",
    "Annealed",
    "CategoricalStraightThrough",
    "DecoupledStraightThrough",
    "DiVeQ",
    "GumbelSoftmax",
    "ReinMax",
    "SoftToHard",
    "StraightThroughGumbel",
    "Synchronized",
    "UniformNoise",
    "Unquantized",
    "noise_substitution",
    "rotation_trick",
    "straight_through",
]
