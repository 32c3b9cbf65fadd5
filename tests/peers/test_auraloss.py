"""auraloss (Steinmetz and Reiss, 2020) on the same spectra: `pip install auraloss`, else skipped."""

import pytest
import torch

from kvant.losses import MultiResolutionSTFTLoss, SISDRLoss
from tests.speech import speech

auraloss = pytest.importorskip("auraloss")


def test_multi_resolution_stft_loss() -> None:
    """One item, since there the norm is over the batch; its power is floored, not its spectrum, so loud signals."""
    lengths = [512, 1024, 2048]
    hops = [length // 4 for length in lengths]
    theirs = auraloss.freq.MultiResolutionSTFTLoss(fft_sizes=lengths, hop_sizes=hops, win_lengths=lengths)
    generator = torch.Generator().manual_seed(0)
    reference = 3 * torch.randn(1, 1, 12000, generator=generator)
    estimate = reference + speech(0.5)
    ours = MultiResolutionSTFTLoss(lengths, floor=1e-7)(estimate, reference)
    torch.testing.assert_close(ours, theirs(estimate, reference), rtol=1e-5, atol=1e-5)


def test_si_sdr() -> None:
    """There the means are taken out first: so they are here, before."""
    reference, noise = speech(0.5, batch=2), speech(0.5, batch=2, seed=1)
    estimate = reference + 0.1 * noise
    estimate, reference = (wav - wav.mean(dim=-1, keepdim=True) for wav in (estimate, reference))
    ours = SISDRLoss(limit=100, floor=1e-12)(estimate, reference)
    torch.testing.assert_close(ours, auraloss.time.SISDRLoss()(estimate, reference), rtol=1e-5, atol=1e-4)
