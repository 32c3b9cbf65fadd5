"""A noise carrier that every machine and every engine agrees on: a table, and a frame counter as state."""

import torch
from torch import Tensor

from kvant.protocols import State
from kvant.streaming import Causal


def random_signs(rows: int, columns: int) -> Tensor:
    """[rows, columns] of +1 and -1 from the top bit of the 32-bit generator s -> 1664525 s + 1013904223 (Knuth)."""
    seed, signs = 1, []
    for _ in range(rows * columns):
        seed = (1664525 * seed + 1013904223) % 2**32
        signs.append(1.0 if seed >> 31 else -1.0)
    return torch.tensor(signs).reshape(rows, columns)


class NoiseCarrier(Causal):
    """Frame t of any input [B, C, T] is answered by row t mod `period` of a table of random signs: [B, bins, T].

    A fixed frame of noise repeated at the frame rate would be heard as a buzz; 64 frames (0.85 s) are not. The state
    is the frame number modulo the period, int64 [B].
    """

    table: Tensor

    def __init__(self, num_bins: int, period: int = 64) -> None:
        super().__init__()
        self.period = period
        self.register_buffer("table", random_signs(period, num_bins))

    def initial_state(self, batch: int) -> State:
        return torch.zeros(batch, dtype=torch.int64, device=self.table.device)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        frames = (state[:, None] + torch.arange(x.shape[-1], device=x.device)) % self.period
        return self.table[frames].transpose(1, 2), (state + x.shape[-1]) % self.period
