"""The lapped transform against its defining sums (Princen and Bradley, 1986; Malvar, 1999)."""

import math

import pytest
import torch
from torch import Tensor

from kvant.layers.lapped import LappedAnalysis, LappedSynthesis, dct4_matrix, sine_window


def direct(wav: Tensor, hop: int) -> tuple[Tensor, Tensor]:
    """MDCT and MDST [hop, T] of wav [T * hop], straight from the sums in the docstring, in double precision."""
    frames = torch.cat([torch.zeros(hop), wav]).double().unfold(0, 2 * hop, hop)
    n, k = torch.arange(2 * hop, dtype=torch.float64), torch.arange(hop, dtype=torch.float64)[:, None]
    window = torch.sin(math.pi / (2 * hop) * (n + 0.5))
    angle = math.pi / hop * (n + (hop + 1) / 2) * (k + 0.5)
    scale = math.sqrt(2 / hop)
    return scale * torch.cos(angle) @ (frames * window).T, scale * torch.sin(angle) @ (frames * window).T


@pytest.fixture
def wav() -> Tensor:
    return torch.randn(1, 1, 15 * 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("hop", [2, 10, 64, 320])
def test_dct4_is_orthonormal_and_its_own_inverse(hop: int) -> None:
    matrix = dct4_matrix(hop)
    torch.testing.assert_close(matrix @ matrix, torch.eye(hop), rtol=0, atol=2e-6)
    torch.testing.assert_close(matrix, matrix.T)


@pytest.mark.parametrize("hop", [10, 64, 320])
def test_window_is_power_complementary(hop: int) -> None:
    window = sine_window(2 * hop)
    torch.testing.assert_close(window[:hop] ** 2 + window[hop:] ** 2, torch.ones(hop))
    assert torch.equal(window, window.flip(0))


@pytest.mark.parametrize("hop", [2, 10, 64, 320])
def test_spectra_are_the_sums_of_their_definition(hop: int) -> None:
    wav = torch.randn(6 * hop, generator=torch.Generator().manual_seed(0))
    mdct, mdst = LappedAnalysis(hop)(wav[None, None])[0].chunk(2)
    expected = direct(wav, hop)
    torch.testing.assert_close(mdct.double(), expected[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(mdst.double(), expected[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("hop", [2, 64, 320])
def test_reconstruction_is_perfect_one_hop_late(hop: int) -> None:
    wav = torch.randn(1, 1, 9 * hop, generator=torch.Generator().manual_seed(0))
    mdct = LappedAnalysis(hop)(wav)[:, :hop]
    again = LappedSynthesis(hop)(mdct)
    torch.testing.assert_close(again[..., hop:], wav[..., :-hop], rtol=0, atol=1e-5)
    assert again[..., :hop].abs().max() < 1e-5


def test_energies_are_equal(wav: Tensor) -> None:
    """MDCT and MDST frames are each coordinates in an orthonormal basis: Parseval holds for both."""
    wav[..., -64:] = 0
    mdct, mdst = LappedAnalysis(64)(wav).chunk(2, dim=1)
    for spectrum in (mdct, mdst):
        torch.testing.assert_close(spectrum.square().sum(), wav.square().sum())


def test_synthesis_is_the_transpose_of_analysis(wav: Tensor) -> None:
    """<analysis(x), S> = <x, synthesis(S) one hop earlier>."""
    spectrum = torch.randn(1, 64, 15, generator=torch.Generator().manual_seed(1))
    spectrum[..., 0] = 0
    left = (LappedAnalysis(64)(wav)[:, :64] * spectrum).sum()
    right = (wav[..., :-64] * LappedSynthesis(64)(spectrum)[..., 64:]).sum()
    tail = wav[..., -64:]
    last = LappedAnalysis(64)(torch.cat([torch.zeros(1, 1, 64), tail], dim=-1))[:, :64, 1]
    torch.testing.assert_close(left, right + (last * spectrum[..., -1]).sum(), rtol=1e-4, atol=1e-4)


def test_magnitude_of_both_spectra_does_not_flicker_with_phase() -> None:
    """A steady tone: the MDCT bin swings through zero from frame to frame, the complex magnitude stands still."""
    hop, bin_ = 64, 20
    tone = torch.sin(math.pi / hop * (bin_ + 0.37) * torch.arange(40 * hop, dtype=torch.float64)).float()
    mdct, mdst = (spectrum[0, bin_, 2:] for spectrum in LappedAnalysis(hop)(tone[None, None]).chunk(2, dim=1))
    magnitude = (mdct**2 + mdst**2).sqrt()
    assert magnitude.std() / magnitude.mean() < 0.01
    assert mdct.abs().std() / mdct.abs().mean() > 0.3
