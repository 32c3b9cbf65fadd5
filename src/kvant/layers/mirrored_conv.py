"""Causal convolution of a signal that is mirrored at its edges, as published weights expect it, with explicit state."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kvant.errors import UsageError
from kvant.layers.conv import CausalConv1d
from kvant.protocols import State

ENDED = -1


def mirror(x: Tensor, before: int, after: int) -> Tensor:
    """x [..., n] with x[before], ..., x[1] in front and x[n - 2], ..., x[n - 1 - after] behind.

    Of an x too short for that, silence is mirrored: it counts as continued by zeros.
    """
    length = x.shape[-1]
    silence = max(before + 1 - length, after + 1 - length, 0)
    if silence:
        x = F.pad(x, (0, silence))
    last = x.shape[-1] - 1
    mirrored = torch.cat([x[..., 1 : before + 1].flip(-1), x, x[..., last - after : last].flip(-1)], dim=-1)
    return mirrored[..., : before + length + after]


class MirroredConv1d(CausalConv1d):
    """As `CausalConv1d`, but the P = (kernel_size - 1) dilation - (stride - 1) frames before the first are its mirror.

    So the first outputs look P inputs ahead, and no block can be their first that holds less: the state starts with
    context [B, C, P] and age [B] at zero, and what has age 0 mirrors its own first block. From there it is causal.

        age 0           nothing heard: the block is mirrored to the left
        age 1 .. P      the first block was too short to mirror: it was the whole signal, or UsageError
        age P + 1       the context is what came before
        age ENDED       the last block was no multiple of the stride, and mirrored to the right; or UsageError

    A signal in one block, of any length, is computed as published. kernel_size >= 2 stride - 1, for the right mirror.
    """

    def __init__(
        self, channels: int, out_channels: int, kernel_size: int, dilation: int = 1, groups: int = 1, stride: int = 1
    ) -> None:
        super().__init__(channels, out_channels, kernel_size, dilation, groups, stride)
        if self.context < stride - 1:
            raise UsageError(f"a kernel of {kernel_size} is too short to mirror the end at a stride of {stride}")

    def initial_state(self, batch: int) -> State:
        return super().initial_state(batch), self.conv.weight.new_zeros(batch)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        context, age = state
        self._check(age)
        missing, first = -x.shape[-1] % self.stride, age == 0
        if first.all():
            joined = mirror(x, self.context, missing)
        else:
            begun = torch.cat([context, x], dim=-1)
            joined = mirror(begun, 0, missing) if missing else begun
            if first.any():
                joined = torch.where(first[:, None, None], mirror(x, self.context, missing), joined)
        heard = self.context + x.shape[-1]
        following = torch.full_like(age, ENDED) if missing else (age + x.shape[-1]).clamp(max=self.context + 1)
        return self.conv(joined), (joined[..., heard - self.context : heard], following)

    def _check(self, age: Tensor) -> None:
        """UsageError unless every stream of the batch begins, or goes on from where it can."""
        if (age == ENDED).any():
            raise UsageError(f"a block that was no multiple of {self.stride} frames has ended this stream")
        if ((age > 0) & (age <= self.context)).any():
            raise UsageError(
                f"the first block of a mirrored stream must hold more than {self.context} frames "
                f"of each layer, had {int(age.min())} of this: begin with more, or code the signal in one block"
            )
