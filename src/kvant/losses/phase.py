"""Anti-wrapping phase distance: phases, and their slopes along frequency and time, compared as angles are."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kvant.losses.stft import stft


def anti_wrap(angle: Tensor) -> Tensor:
    """|x - 2 pi round(x / 2 pi)|: how far an angle is from a whole turn, 0..pi (Ai and Ling, 2023)."""
    return (angle - 2 * math.pi * torch.round(angle / (2 * math.pi))).abs()


class AntiWrappingPhaseLoss(nn.Module):
    """Instantaneous phase + group delay + time difference, averaged over windows (Ai and Ling, 2023; APCodec).

    With d the phase of the estimate minus that of the reference in each bin of each frame: the means of anti_wrap(d),
    of anti_wrap of d's differences along frequency, and along time. There the phases are predicted; here they are a
    wav's, and a bin without energy has none. So a bin counts with |X|^2 / (|X|^2 + floor^2), for the estimate times for
    the reference, held constant: nothing is gained by growing silent, and slopes are at most 1 / (2 floor) a bin.
    """

    def __init__(self, window_lengths: Sequence[int] = (256, 512, 1024), floor: float = 1e-3) -> None:
        super().__init__()
        self.window_lengths = tuple(window_lengths)
        self.floor = floor

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """estimate, reference: [B, 1, N]."""
        return torch.stack(self.terms(estimate, reference)).sum()

    def terms(self, estimate: Tensor, reference: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The three, in radians: of instantaneous phase, of group delay (per bin), of time difference (per hop)."""
        rows = []
        for length in self.window_lengths:
            x, y = (stft(wav.squeeze(1), length) for wav in (estimate, reference))
            weight = self.certainty(x) * self.certainty(y)
            # Squares of the faintest products would underflow in the slope of the angle, and their weight is nil.
            angle = torch.angle(torch.where(weight > 1e-9, x * y.conj(), 1))
            phase = (weight * anti_wrap(angle)).mean()
            delay = (weight[:, 1:] * weight[:, :-1] * anti_wrap(angle.diff(dim=1))).mean()
            difference = (weight[..., 1:] * weight[..., :-1] * anti_wrap(angle.diff(dim=2))).mean()
            rows.append(torch.stack([phase, delay, difference]))
        phase, delay, difference = torch.stack(rows).mean(0)
        return phase, delay, difference

    def certainty(self, spectrum: Tensor) -> Tensor:
        """0..1 by how far a bin is above the floor."""
        power = spectrum.detach().abs().square()
        return power / (power + self.floor**2)
