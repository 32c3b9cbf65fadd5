"""Balance of gradients: a loss's weight is its share of the gradient at the codec's output, whatever its scale."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.quantizers.distributed import sum_over_ranks


class GradientBalancer(nn.Module):
    """sum_i R w_i / (sum_j w_j) g_i / <|g_i|>, g_i the gradients at the output (Défossez et al., 2022, section 3.4).

    <|g_i|> is a running mean of the L2 norm of an item's gradient, over the batch and over ranks, corrected for having
    started from nothing (as in Adam); R, `total_norm`, is what the weighted norms then sum to. The shares are of the
    losses given: one that is not computed at every step keeps its mean meanwhile. The means are buffers, in the order
    of `weights`, and so in the state_dict. Losses that do not pass the output, as the commitment, are weighted apart.
    """

    norms: Tensor
    counts: Tensor

    def __init__(self, weights: Mapping[str, float], decay: float = 0.999, total_norm: float = 1.0) -> None:
        super().__init__()
        self.weights = dict(weights)
        self.decay, self.total_norm = decay, total_norm
        self.register_buffer("norms", torch.zeros(len(self.weights)))
        self.register_buffer("counts", torch.zeros(len(self.weights)))

    def forward(self, losses: Mapping[str, Tensor], output: Tensor) -> Tensor:
        """The gradient to hand to `output.backward(...)`; losses: scalars by name, output: [B, ...].

        UsageError: a loss without a weight, or one that does not depend on the output.
        """
        unknown = sorted(losses.keys() - self.weights.keys())
        if unknown:
            raise UsageError(f"the balancer has no weight for {', '.join(unknown)}: name it in `weights`")
        combined = torch.zeros_like(output)
        total_weight = sum(self.weights[name] for name in losses)
        for index, (name, weight) in enumerate(self.weights.items()):
            if name in losses:
                gradient = slope(name, losses[name], output)
                scale = self.total_norm * weight / total_weight / self.average(index, gradient).clamp(min=1e-12)
                combined += scale * gradient
        return combined

    def average(self, index: int, gradient: Tensor) -> Tensor:
        """The running mean of norms of loss `index`, with this gradient [B, ...] taken in."""
        of_items = gradient.flatten(1).norm(dim=1).to(self.norms)
        total, items = sum_over_ranks(torch.stack([of_items.sum(), of_items.new_tensor(float(len(of_items)))]))
        self.norms[index] = self.decay * self.norms[index] + (1 - self.decay) * total / items
        self.counts[index] = self.decay * self.counts[index] + (1 - self.decay)
        return self.norms[index] / self.counts[index]


def slope(name: str, loss: Tensor, output: Tensor) -> Tensor:
    """d loss / d output; what other losses need of the graph stays."""
    (gradient,) = torch.autograd.grad(loss, output, retain_graph=True, allow_unused=True)
    if gradient is None:
        raise UsageError(f"the loss {name} does not depend on the output: weight it and add it apart from the balancer")
    return gradient
