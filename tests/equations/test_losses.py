"""What each loss hears and what it does not."""

import math

import pytest
import torch
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.layers.hann import hann_spectra
from kvant.losses import (
    ComplexSTFTLoss,
    LogMagnitudeLoss,
    LoudnessLoss,
    MelLoss,
    MultiResolutionSTFTLoss,
    SISDRLoss,
    WaveformLoss,
)
from kvant.losses.band_limit import band_limit
from kvant.losses.mel import mel_filters
from kvant.losses.stft import stft
from tests.speech import speech


@pytest.fixture(scope="module")
def hiss() -> Tensor:
    """White noise at a level where every band is far above every floor."""
    return 0.3 * torch.randn(2, 1, 12000, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("gain", [0.5, 0.9, 2.0])
def test_mel_loss_of_a_gain_is_its_logarithm(hiss: Tensor, gain: float) -> None:
    """20 dB are 1, whatever the signal."""
    assert float(MelLoss(24000)(gain * hiss, hiss)) == pytest.approx(abs(math.log10(gain)), rel=1e-4)


def test_mel_loss_ignores_what_is_below_its_floor(hiss: Tensor) -> None:
    loss = MelLoss(24000, floor=1e-4)
    assert float(loss(hiss * 1e-7, hiss * 1e-9)) == 0
    assert float(loss(hiss * 1e-7, torch.zeros_like(hiss))) == 0


def test_loudness_loss_of_a_gain_follows_the_power_law(hiss: Tensor) -> None:
    """Energies go with g^2, loudness with energy^0.23: doubling the amplitude adds 38 % of the loudness."""
    loss = LoudnessLoss(24000)
    loudness = loss.loudness(hiss.squeeze(1)).mean()
    expected = (2 ** (2 * 0.23) - 1) * loudness
    torch.testing.assert_close(loss(2 * hiss, hiss), expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_log_magnitude_loss_of_a_gain_is_its_logarithm(hiss: Tensor, gain: float) -> None:
    """In every bin, so in the mean; what is below the floor is silence."""
    loss = LogMagnitudeLoss()
    assert float(loss(gain * hiss, hiss)) == pytest.approx(abs(math.log10(gain)), rel=1e-3)
    assert float(loss(hiss * 1e-7, torch.zeros_like(hiss))) < 1e-4


def test_log_magnitude_loss_prefers_other_noise_to_whistles(hiss: Tensor) -> None:
    """A tone every 300 Hz with the energy of the noise passes for it in wide bands, and not between the tones."""
    time = torch.arange(hiss.shape[-1]) / 24000
    tones = torch.sin(2 * math.pi * 300 * torch.arange(1, 40)[:, None] * time + torch.arange(1, 40)[:, None] ** 2)
    whistles = tones.sum(0).expand_as(hiss)
    whistles = whistles * hiss.norm() / whistles.norm()
    other = 0.3 * torch.randn(hiss.shape, generator=torch.Generator().manual_seed(1))
    loss = LogMagnitudeLoss()
    assert float(loss(whistles, hiss)) > 2 * float(loss(other, hiss))


def test_complex_stft_loss_of_a_gain_follows_the_compression(hiss: Tensor) -> None:
    """|g|^0.3 - 1 of the mean compressed magnitude."""
    loss = ComplexSTFTLoss()
    magnitudes = [stft(hiss.squeeze(1), length).abs().pow(0.3).mean() for length in (256, 512, 1024)]
    expected = (2**0.3 - 1) * torch.stack(magnitudes).mean()
    torch.testing.assert_close(loss(2 * hiss, hiss), expected, rtol=2e-3, atol=0)


def test_only_the_complex_spectral_loss_hears_a_flipped_sign(hiss: Tensor) -> None:
    """-x sounds like x; as a waveform it is as far away as can be: twice the compressed magnitude."""
    assert float(MelLoss(24000)(-hiss, hiss)) == 0
    assert float(LoudnessLoss(24000)(-hiss, hiss)) == 0
    assert float(LogMagnitudeLoss()(-hiss, hiss)) == 0
    assert float(MultiResolutionSTFTLoss()(-hiss, hiss)) == 0
    magnitudes = [stft(hiss.squeeze(1), length).abs().pow(0.3).mean() for length in (256, 512, 1024)]
    expected = 2 * torch.stack(magnitudes).mean()
    torch.testing.assert_close(ComplexSTFTLoss()(-hiss, hiss), expected, rtol=2e-3, atol=0)


@pytest.mark.parametrize("gain", [0.5, 0.9, 2.0])
def test_multi_resolution_stft_loss_of_a_gain(hiss: Tensor, gain: float) -> None:
    """Spectral convergence |g - 1| in units of the reference, log magnitude |ln g|; at every resolution."""
    expected = abs(gain - 1) + abs(math.log(gain))
    assert float(MultiResolutionSTFTLoss()(gain * hiss, hiss)) == pytest.approx(expected, rel=1e-3)


def test_waveform_loss_is_a_mean_of_samples(hiss: Tensor) -> None:
    assert float(WaveformLoss()(hiss + 0.25, hiss)) == pytest.approx(0.25)
    torch.testing.assert_close(WaveformLoss()(-hiss, hiss), 2 * hiss.abs().mean())


@pytest.mark.parametrize("decibels", [-10.0, 0.0, 20.0, 40.0])
@pytest.mark.parametrize("gain", [0.1, -3.0])
def test_si_sdr_of_orthogonal_noise_is_its_level(hiss: Tensor, decibels: float, gain: float) -> None:
    """Whatever the gain and sign of the estimate; its limit is a distortion of its own."""
    noise = torch.randn(hiss.shape, generator=torch.Generator().manual_seed(1))
    noise = noise - (noise * hiss).sum(2, keepdim=True) / hiss.square().sum(2, keepdim=True) * hiss
    ratio = 10 ** (-decibels / 10)
    noise = noise * (ratio * hiss.square().sum(2, keepdim=True) / noise.square().sum(2, keepdim=True)).sqrt()
    loss = SISDRLoss(limit=60, floor=1e-12)(gain * (hiss + noise), hiss)
    assert float(loss) == pytest.approx(10 * math.log10(ratio + 1e-6), abs=2e-3)


def test_si_sdr_of_the_reference_is_the_limit(hiss: Tensor) -> None:
    assert float(SISDRLoss(limit=60, floor=1e-12)(hiss, hiss)) == pytest.approx(-60, abs=0.01)
    assert float(SISDRLoss(limit=30)(0.3 * hiss, hiss)) == pytest.approx(-30, abs=0.01)
    assert float(SISDRLoss()(0 * hiss, hiss)) == 0


def test_wavs_too_short_for_a_window_are_refused() -> None:
    with pytest.raises(UsageError, match=r"256 samples are too few to compare spectra of 512: give > 256"):
        LogMagnitudeLoss()(torch.zeros(1, 1, 256), torch.zeros(1, 1, 256))
    assert float(LogMagnitudeLoss((512,))(torch.zeros(1, 1, 257), torch.zeros(1, 1, 257))) == 0


def test_stft_has_unit_power_gain(hiss: Tensor) -> None:
    """The power of white noise of variance s^2 is s^2 in every bin."""
    power = stft(hiss.squeeze(1), 512)[:, 4:-4, 4:-4].abs().square().mean()
    assert float(power) == pytest.approx(0.09, rel=0.03)


@pytest.mark.parametrize(("window", "mels"), [(256, 20), (512, 40), (1024, 60), (2048, 80), (768, 48)])
def test_mel_filters_have_unit_area_and_none_is_empty(window: int, mels: int) -> None:
    filters = mel_filters(24000, window, mels)
    torch.testing.assert_close(filters.sum(0), torch.ones(mels))
    centres = (filters * torch.linspace(0, 12000, window // 2 + 1)[:, None]).sum(0)
    assert torch.equal(centres, centres.sort().values)


def test_a_tone_is_in_the_mel_band_of_its_frequency() -> None:
    """1000 Hz is mel 1000 to three digits: band 1000 / 3266 * 81 - 1 of 80."""
    tone = torch.sin(2 * math.pi * 1000 * torch.arange(24000) / 24000)[None]
    bands = MelLoss(24000).log_mel(tone, 2048).mean(dim=(0, 1))
    top = 2595 * math.log10(1 + 12000 / 700)
    assert int(bands.argmax()) == round(1000 / top * 81) - 1


@pytest.mark.parametrize("length", [4800, 4801, 997])
@pytest.mark.parametrize("bandwidth", [3000.0, 8000.0, 12000.0])
def test_band_limit_is_a_projection(length: int, bandwidth: float) -> None:
    wav = torch.randn(2, 1, length, generator=torch.Generator().manual_seed(0))
    limit = torch.full((2,), bandwidth)
    once = band_limit(wav, limit, 24000)
    torch.testing.assert_close(band_limit(once, limit, 24000), once, rtol=0, atol=1e-5)
    if bandwidth == 12000:
        torch.testing.assert_close(once, wav, rtol=0, atol=1e-5)


@pytest.mark.parametrize("length", [4800, 4801, 101])
def test_band_limit_keeps_tones_below_and_kills_tones_above(length: int) -> None:
    """Tones on the bins next to the limit, to either side, for even and odd lengths; each item has its own limit."""
    low = int(0.45 * length)
    angle = 2 * math.pi * torch.arange(length, dtype=torch.float64) / length
    tones = [torch.cos(k * angle).float() for k in (low, low + 1)]
    wav = (tones[0] + tones[1]).expand(2, 1, length)
    between = (low + 0.1) / length * 24000
    limited = band_limit(wav, torch.tensor([between, 12000.0]), 24000)
    torch.testing.assert_close(limited[0, 0], tones[0], rtol=0, atol=1e-4)
    torch.testing.assert_close(limited[1, 0], wav[1, 0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", [MelLoss, LoudnessLoss])
def test_a_narrow_recording_teaches_nothing_about_what_it_lacks(kind: type) -> None:
    """Through band_limit, no loss has a slope along what the estimate holds above the recording's bandwidth."""
    loss, bandwidth = kind(24000), torch.tensor([4000.0])
    reference = band_limit(speech(0.2), bandwidth, 24000)
    estimate = (speech(0.2, seed=1)).requires_grad_()
    loss(band_limit(estimate, bandwidth, 24000), band_limit(reference, bandwidth, 24000)).backward()
    spectrum = torch.fft.rfft(estimate.grad).abs().flatten()
    above = torch.linspace(0, 12000, len(spectrum)) > 4000
    assert spectrum[above].max() < 1e-5 * spectrum[~above].max()


@pytest.mark.parametrize("loss", [WaveformLoss(), SISDRLoss()], ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 1), (1, 1, 4800), (2, 4800), (2, 2, 4800)], ids=str)
def test_samples_are_compared_with_samples_of_their_own(loss: nn.Module, shape: tuple[int, ...]) -> None:
    """A shape that torch would stretch makes a number of nothing."""
    with pytest.raises(UsageError, match="of a reference of"):
        loss(torch.zeros(shape), torch.zeros(2, 1, 4800))


def test_spectra_can_be_trained_with_after_they_were_only_looked_at() -> None:
    """The window is made once, and that may be where nothing is trained."""
    with torch.inference_mode():
        looked_at = hann_spectra(torch.ones(1, 74), 74, 18)
    wav = torch.ones(1, 74, requires_grad=True)
    spectra = hann_spectra(wav, 74, 18)
    assert torch.equal(spectra.detach(), looked_at)
    spectra.abs().square().sum().backward()
    assert wav.grad is not None
    assert hann_spectra(torch.randn(1, 740000), 74, 18).abs().square().mean() == pytest.approx(1, rel=0.02)
