"""Gradient estimators: (latents, quantized) -> the value of `quantized`, with the gradient of a paper."""

from kvant.quantizers.gradients.rotation_trick import rotation_trick
from kvant.quantizers.gradients.straight_through import straight_through

GRADIENTS = (straight_through, rotation_trick)

__all__ = ["GRADIENTS", "rotation_trick", "straight_through"]
