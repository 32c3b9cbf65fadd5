"""Waveform distance, sample by sample: what asks for the right phase where bits suffice."""

from torch import Tensor, nn


class WaveformLoss(nn.Module):
    """Mean |x - y| (the time-domain term of EnCodec: Défossez et al., 2022, section 3.4)."""

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """estimate, reference: [B, 1, N]."""
        return (estimate - reference).abs().mean()
