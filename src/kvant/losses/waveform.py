"""Waveform distance, sample by sample: what asks for the right phase where bits suffice."""

from torch import Tensor, nn

from kvant.losses.pairs import check_pair


class WaveformLoss(nn.Module):
    """Mean |x - y| (the time-domain term of EnCodec: Défossez et al., 2022, section 3.4)."""

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """estimate, reference: [B, 1, N]. UsageError: of different shapes."""
        check_pair(estimate, reference)
        return (estimate - reference).abs().mean()
