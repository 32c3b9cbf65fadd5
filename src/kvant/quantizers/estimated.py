"""Where quantizers apply their gradient estimator: in training its value counts, in evaluation its gradient alone."""

from torch import Tensor

from kvant.protocols import GradientEstimator


def estimated(gradient: GradientEstimator, latents: Tensor, quantized: Tensor, training: bool) -> Tensor:
    """gradient(latents, quantized), all [..., D]; outside training with the very value of `quantized`.

    So what a quantizer gives in evaluation is what its codes decode to, noise or rounding errors of the estimator
    apart; and an encoder still learns through a quantizer that is frozen.
    """
    estimate = gradient(latents, quantized)
    return estimate if training else quantized.detach() + (estimate - estimate.detach())
