"""Overlapping segments faded into each other as they come."""

import torch
import torch.nn.functional as F
from torch import Tensor


class Fade:
    """Segments [B, C, n], one every `stride` samples, to their mean, weighted by a triangle as long as the first is.

    What is kept from one to the next is shorter than a segment. silence: [B, C, 0], of the type and place of segments.
    """

    def __init__(self, stride: int, silence: Tensor) -> None:
        self._stride, self._silence = stride, silence
        self._triangle = self._weights = silence.new_zeros(0)
        self._sums = silence
        """Weighted, from where the next segment begins."""
        self._owed = 0
        """Samples up to there that no segment covered."""

    def push(self, wav: Tensor) -> Tensor:
        """What no later segment touches, [B, C, m]. A segment [B, C, 0] is silent, such as one that was lost."""
        if not len(self._triangle):
            places = torch.arange(1, wav.shape[-1] + 1, device=wav.device, dtype=wav.dtype)
            self._triangle = torch.minimum(places, wav.shape[-1] + 1 - places) / (wav.shape[-1] + 1)
        weights = self._triangle[: wav.shape[-1]]
        self._sums = added(self._sums, weights * wav[..., : len(weights)])
        self._weights = added(self._weights, weights)
        missing = self._owed
        self._owed = max(0, self._stride - len(self._weights))
        return torch.cat([F.pad(self._silence, (0, missing)), self._taken(self._stride)], dim=-1)

    def flush(self) -> Tensor:
        """The rest; the next segment is then the first of another signal."""
        rest = self._taken(len(self._weights))
        self._triangle, self._owed = self._triangle[:0], 0
        return rest

    def _taken(self, length: int) -> Tensor:
        sums, self._sums = self._sums[..., :length], self._sums[..., length:]
        weights, self._weights = self._weights[:length], self._weights[length:]
        return sums / weights.clamp_min(torch.finfo(weights.dtype).tiny)


def added(one: Tensor, other: Tensor) -> Tensor:
    """The sum [..., n] of two, the shorter continued by zeros."""
    length = max(one.shape[-1], other.shape[-1])
    return F.pad(one, (0, length - one.shape[-1])) + F.pad(other, (0, length - other.shape[-1]))
