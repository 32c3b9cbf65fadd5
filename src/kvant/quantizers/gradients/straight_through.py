"""The straight-through estimator (Bengio et al., 2013; van den Oord et al., 2017, section 3.2)."""

from torch import Tensor


def straight_through(latents: Tensor, quantized: Tensor) -> Tensor:
    """Quantized value, with the gradient copied to `latents`: d out / d latents = I.

    latents, quantized: [..., D]. No gradient reaches `quantized`: its vectors learn from a codebook loss or by EMA.
    """
    return latents + (quantized - latents).detach()
