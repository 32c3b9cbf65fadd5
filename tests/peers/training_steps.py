"""What comparisons of a step of training share: gradients, whichever way weights are written, and running means."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from kvant.importing.weight_norm import fold_weight_norm
from kvant.quantizers.codebooks import EMACodebook

State = dict[str, Tensor]
EPSILON = 1e-5
"""Of their smoothing of counts."""


def assert_same_gradients(theirs: nn.Module, ours: nn.Module, convert: Callable[[State], State]) -> None:
    """Of every parameter: ours, through `convert` (their state to ours) and the folding of weight norm, are theirs.

    Within 1e-4 of the largest number in a parameter's gradient.
    """
    official = dict(theirs.named_parameters())
    leaves = {name: parameter.detach().clone().requires_grad_() for name, parameter in official.items()}
    made, own = convert(fold_weight_norm(leaves)), dict(ours.named_parameters())
    assert made.keys() == own.keys()
    gradients = [own[name].grad for name in made]
    assert all(gradient is not None for gradient in gradients)
    pulled = torch.autograd.grad(list(made.values()), list(leaves.values()), gradients)
    for (name, parameter), gradient in zip(official.items(), pulled, strict=True):
        assert parameter.grad is not None, name
        largest = float(parameter.grad.abs().max())
        assert largest > 0, name
        torch.testing.assert_close(gradient, parameter.grad, rtol=0, atol=1e-4 * largest, msg=name)


@torch.no_grad()
def same_statistics(ours: Iterable[EMACodebook], theirs: Iterable[Any]) -> None:
    """Counts of 0.5 to 20 for both codebooks of every pair, as in the midst of training; vectors stay as they are.

    theirs: an `EuclideanCodebook` of EnCodec's package, or of a copy of it.
    """
    for book, official in zip(ours, theirs, strict=True):
        official.inited.fill_(1)
        official.cluster_size.uniform_(0.5, 20)
        official.embed_avg.copy_(official.embed * official.cluster_size[:, None])
        book.counts.copy_(official.cluster_size)
        book.sums.copy_(official.embed_avg)


def assert_same_statistics(ours: Iterable[EMACodebook], theirs: Iterable[Any]) -> None:
    """Counts and sums equal; vectors, too, once their smoothing, n' = (n + e) N / (N + V e), is taken back."""
    for book, official in zip(ours, theirs, strict=True):
        counts, sums = official.cluster_size, official.embed_avg
        torch.testing.assert_close(book.counts, counts)
        torch.testing.assert_close(book.sums, sums, rtol=1e-5, atol=1e-5)
        smoothed = (counts + EPSILON) * counts.sum() / (counts.sum() + len(counts) * EPSILON)
        plain = official.embed * (smoothed / counts)[:, None]
        torch.testing.assert_close(book.weight, plain, rtol=1e-5, atol=1e-5)
