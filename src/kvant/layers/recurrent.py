"""A recurrence between parts that look ahead: what was heard it never forgets, what comes it hears only so far."""

from math import ceil, inf

from torch import Tensor

from kvant.receptive_field import ReceptiveField
from kvant.streaming import Causal, LookAhead, stepwise


class Recurrent(LookAhead):
    """after(recurrence(before(x))): parts that look ahead, and between them a causal one that keeps its rate.

    There is no end to what an output depends on to the left, so no piece of the input is enough for it. But chunks are
    exact all the same: each of the three is computed for the whole signal before the next, `before` and `after` piece
    by piece with their overlap, the recurrence step by step with its state. That needs the memory of a piece, and of
    what the recurrence takes and gives. A recurrence that looks ahead, as one in both directions, is computed at once.
    """

    def __init__(self, before: LookAhead, recurrence: Causal | LookAhead, after: LookAhead) -> None:
        super().__init__()
        self.before, self.recurrence, self.after = before, recurrence, after

    @property
    def receptive_field(self) -> ReceptiveField:
        between = (
            self.recurrence.receptive_field if isinstance(self.recurrence, LookAhead) else ReceptiveField(left=inf)
        )
        return self.before.receptive_field.then(between).then(self.after.receptive_field)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.recurrence(self.before(x)))

    def in_chunks(self, x: Tensor, chunk: int) -> Tensor:
        before, after = self.before.receptive_field, self.after.receptive_field
        frames = ceil(chunk * self.receptive_field.stride.numerator / before.stride)
        y = self.before.in_chunks(x, ceil(frames / before.stride.denominator))
        if isinstance(self.recurrence, Causal):
            y = stepwise(self.recurrence, y, [part.shape[-1] for part in y.split(frames, dim=-1)])
        else:
            y = self.recurrence(y)
        return self.after.in_chunks(y, ceil(frames / after.stride.numerator))
