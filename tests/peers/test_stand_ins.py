"""The stand-ins do what the packages they stand for are documented to do, by torch.stft."""

import pytest
import torch

from tests.peers.stand_ins import AudioSignal, Spectrogram, STFTParams


def test_spectrogram_is_an_stft_over_the_norm_of_its_window() -> None:
    wav = torch.randn(2, 1, 3000, generator=torch.Generator().manual_seed(0))
    settings = {"normalized": True, "center": False, "pad_mode": None, "power": None}
    transform = Spectrogram(n_fft=512, hop_length=128, win_length=512, window_fn=torch.hann_window, **settings)
    window = torch.hann_window(512)
    spectra = torch.stft(wav[:, 0], 512, 128, window=window, center=False, return_complex=True)
    torch.testing.assert_close(transform(wav)[:, 0], spectra / window.norm(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("length", [4000, 4096, 4097])
def test_spectra_of_a_signal_have_a_frame_a_hop(length: int) -> None:
    """Inside the wav they are the plain STFT's; frame t begins (W - hop) / 2 samples before t hops."""
    wav = torch.randn(2, 1, length, generator=torch.Generator().manual_seed(0))
    spectra = AudioSignal(wav, 44100, STFTParams(512, 128, match_stride=True)).stft()
    assert spectra.shape == (2, 1, 257, -(-length // 128))
    window = torch.hann_window(512)
    plain = torch.stft(wav[:, 0, 64:], 512, 128, window=window, center=False, return_complex=True)
    torch.testing.assert_close(spectra[:, 0, :, 2 : 2 + plain.shape[-1]], plain, rtol=1e-4, atol=1e-3)
