"""Negative scale-invariant signal-to-distortion ratio, in dB: no distance, since it goes below 0."""

from torch import Tensor, nn

from kvant.losses.pairs import check_pair


class SISDRLoss(nn.Module):
    """-10 log10 (|a y|^2 / (|x - a y|^2 + |a y|^2 / 10^(limit/10))), a = <x, y> / |y|^2, averaged over items.

    Le Roux et al., 2019, section 3, with the soft limit of Wisdom et al., 2020: at equality it is -limit dB, and
    its slope is finite. `floor` is the power of what counts as silence, in signal and distortion alike.
    """

    def __init__(self, limit: float = 60.0, floor: float = 1e-8) -> None:
        super().__init__()
        self.limit, self.floor = limit, floor

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """estimate, reference: [B, 1, N]. UsageError: of different shapes."""
        check_pair(estimate, reference)
        x, y = estimate.flatten(1), reference.flatten(1)
        floor = self.floor * x.shape[1]
        gain = (x * y).sum(1, keepdim=True) / (y.square().sum(1, keepdim=True) + floor)
        signal = (gain * y).square().sum(1)
        distortion = (x - gain * y).square().sum(1) + signal * 10 ** (-self.limit / 10)
        return -10 * ((signal + floor) / (distortion + floor)).log10().mean()
