"""Causal convolution of a signal that is mirrored at its edges, as published weights expect it, with explicit state."""

import torch
from torch import Tensor

from kvant.errors import UsageError
from kvant.layers.channels_last import along_time
from kvant.layers.conv import CausalConv1d, last_of
from kvant.protocols import State

ENDED = -1


def mirror(x: Tensor, before: int, after: int) -> Tensor:
    """x [..., n] with x[before], ..., x[1] in front and x[n - 2], ..., x[n - 1 - after] behind.

    Of an x too short for that, silence is mirrored: it counts as continued by zeros.
    """
    last = torch.sym_max(torch.sym_max(x.shape[-1] - 1, before), after)
    return torch.cat([mirrored_start(x, before), x, mirrored_end(x, after, last)], dim=-1)


def mirrored_start(x: Tensor, count: int) -> Tensor:
    """x[count], ..., x[1], where x is continued by zeros."""
    return values_at(x, torch.arange(count, 0, -1, device=x.device))


def mirrored_end(x: Tensor, count: int, last: int) -> Tensor:
    """The `count` values behind x [..., n], where x is continued by zeros to x[last] and mirrored there."""
    places = torch.arange(count, device=x.device) + x.shape[-1]
    return values_at(x, last - (last - places).abs())


def values_at(x: Tensor, places: Tensor) -> Tensor:
    """x[..., places] of x [..., n]; zero from place n on."""
    values = x.index_select(-1, places.clamp(max=x.shape[-1] - 1))
    return torch.where(places < x.shape[-1], values, 0)


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
        if not torch.compiler.is_exporting():
            self._check(age)
        first = (age == 0)[:, None, None]
        begun = along_time(torch.where(first, mirrored_start(x, self.context), context), x)
        joined = begun
        if self.stride > 1:  # the end of the signal may lack so much; what lacks less leaves the last of it unread
            lacking, reach = self.stride - 1, torch.sym_max(x.shape[-1] - 1, self.context)
            end = mirrored_end(begun, lacking, begun.shape[-1] - 1)
            joined = along_time(begun, torch.where(first, mirrored_end(x, lacking, reach), end))
        ended = torch.full_like(age, x.shape[-1] % self.stride) > 0
        grown = (age + x.shape[-1]).clamp(max=self.context + 1)
        following = last_of(begun, self.context), torch.where(ended, ENDED, grown)
        return self.conv(joined), following

    def _check(self, age: Tensor) -> None:
        """UsageError unless every stream of the batch begins, or goes on from where it can."""
        if (age == ENDED).any():
            raise UsageError(f"a block that was no multiple of {self.stride} frames has ended this stream")
        if ((age > 0) & (age <= self.context)).any():
            raise UsageError(
                f"the first block of a mirrored stream must hold more than {self.context} frames "
                f"of each layer, had {int(age.min())} of this: begin with more, or code the signal in one block"
            )
