"""What each discriminator looks at: bins, periods, scales, bands."""

import pytest
import torch
from torch import Tensor

from kvant.discriminators import FrequencyChannelsDiscriminator, MultiPeriodDiscriminator, Panel
from kvant.discriminators.dac import DACDiscriminator, levelled
from kvant.discriminators.frequency_channels import FrequencyChannelDiscriminator
from kvant.discriminators.ms_stft import STFTDiscriminator
from kvant.discriminators.multi_band import BandDiscriminator
from kvant.discriminators.multi_period import PeriodDiscriminator
from kvant.discriminators.multi_scale import ScaleDiscriminator
from kvant.layers.hann import hann_spectra


def noise(length: int, seed: int = 0) -> Tensor:
    return 0.3 * torch.randn(1, 1, length, generator=torch.Generator().manual_seed(seed))


def tone(cycles: float, length: int) -> Tensor:
    return 0.5 * torch.cos(2 * torch.pi * cycles * torch.arange(length))[None, None]


def test_hann_spectra_have_unit_power_gain() -> None:
    power = hann_spectra(noise(60000).squeeze(1), 256, 64)[:, 2:-2].abs().square().mean()
    torch.testing.assert_close(power, torch.tensor(0.09), rtol=0.02, atol=0)


def test_frequency_channels_shift_with_the_wav() -> None:
    """By one score for every `stride` samples, away from where the convolutions see past the ends."""
    torch.manual_seed(0)
    judge = FrequencyChannelDiscriminator(64, channels=16)
    wav = noise(64 * 40)
    scores, shifted = judge(wav).score, judge(wav[..., judge.stride * 3 :]).score
    torch.testing.assert_close(scores[..., 3 + 5 : -5], shifted[..., 5:-5], rtol=1e-4, atol=1e-6)
    assert scores[..., 5:-5].std() > 1e-4


def test_frequency_channels_hear_magnitudes_of_single_bins() -> None:
    """A tone's sign is not heard; a gain g is, as g^0.3 for what is far above the floor."""
    judge = FrequencyChannelDiscriminator(64)
    wav = tone(10 / 64, 640)
    maps = judge.compressed(wav)
    assert int(maps.mean(-1).argmax()) == 10
    torch.testing.assert_close(judge.compressed(-wav), maps)
    torch.testing.assert_close(judge.compressed(0.1 * wav)[:, 9:12], 10**-0.3 * maps[:, 9:12], rtol=1e-4, atol=0)
    torch.testing.assert_close(judge.compressed(0 * wav), torch.full_like(maps, 1e-8**0.15))


def test_size_of_the_discriminator_for_cpus() -> None:
    """Bins x 128 x 3 for the first layers, three more of 128 x 128 x 3 and a score per resolution, and weight norms."""
    parameters = sum(parameter.numel() for parameter in FrequencyChannelsDiscriminator().parameters())
    weights = 3 * 128 * (257 + 513 + 1025) + 3 * (3 * 3 * 128 * 128 + 3 * 128)
    biases_and_norms = 3 * 2 * (4 * 128 + 1)
    assert parameters == weights + biases_and_norms


@pytest.mark.parametrize("period", [2, 5])
def test_a_column_judges_every_period_th_sample(period: int) -> None:
    """The score of column c has a slope along the samples c, c + p, c + 2 p, ..., and along no other."""
    torch.manual_seed(0)
    judge = PeriodDiscriminator(period, channels=(4, 8))
    for column in range(period):
        wav = noise(60 * period).requires_grad_()
        judge(wav).score[..., column].sum().backward()
        heard = wav.grad.flatten().unflatten(0, (-1, period)).abs().sum(0) > 0
        assert heard.nonzero().flatten().tolist() == [column]


@pytest.mark.parametrize("period", [3, 7])
def test_a_periodic_wav_is_constant_along_columns(period: int) -> None:
    """And one whose period is that of a column's neighbour as well, a constant, looks alike in all of them."""
    judge = PeriodDiscriminator(period, channels=(4, 8))
    wav = noise(period).repeat(1, 1, 30)
    assert torch.equal(judge.fold(wav), wav[..., None, :period].expand(1, 1, 30, period))
    scores = judge(torch.full((1, 1, 30 * period), 0.4)).score
    torch.testing.assert_close(scores, scores[..., :1].expand_as(scores))


def test_the_last_row_of_a_period_is_mirrored() -> None:
    wav = torch.arange(8.0)[None, None]
    rows = PeriodDiscriminator(5, channels=(4, 8)).fold(wav)[0, 0]
    assert rows.tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 6, 5]]
    assert PeriodDiscriminator(4, channels=(4, 8)).fold(wav).shape[2] == 2


def test_halving_keeps_low_tones_and_weakens_high_ones() -> None:
    """The mean of four samples has gain |sin(4 w / 2) / (4 sin(w / 2))|: none at half the rate, nearly 1 below."""
    judge = ScaleDiscriminator(halvings=1, channels=4)
    for cycles in (0.01, 0.1, 0.2, 0.4):
        w = torch.tensor(2 * torch.pi * cycles)
        gain = ((2 * w).sin() / (4 * (w / 2).sin())).abs()
        heard = judge.halved(tone(cycles, 4000))[..., 2:-2]
        torch.testing.assert_close(heard.std() / tone(cycles, 4000).std(), gain, rtol=2e-2, atol=1e-3)
    assert ScaleDiscriminator(halvings=2, channels=4).halved(noise(4000)).shape[-1] == 1000


@pytest.mark.parametrize(("cycles", "band"), [(0.02, 0), (0.09, 1), (0.18, 2), (0.3, 3), (0.44, 4)])
def test_a_tone_is_judged_in_its_band(cycles: float, band: int) -> None:
    """Bands end at 0.1, 0.25, 0.5, 0.75 and 1 of half the sample rate; the others see no more than leaks."""
    judge = BandDiscriminator(256, channels=4)
    spectra = judge.spectra(tone(cycles, 4096)).abs().square()
    energies = torch.stack([spectra[:, low:high].sum() for low, high in judge.bands])
    assert int(energies.argmax()) == band
    assert float(energies[band] / energies.sum()) > 0.999


def test_band_spectra_have_a_frame_a_hop_and_are_not_normalized() -> None:
    judge = BandDiscriminator(256, channels=4)
    for length in (6400, 6401, 6463):
        assert judge.spectra(noise(length)).shape[-1] == -(-length // 64)
    power = judge.spectra(noise(60000))[:, 2:-2].abs().square().mean()
    torch.testing.assert_close(power, torch.tensor(3 / 8 * 256 * 0.09), rtol=0.02, atol=0)


def test_stft_discriminator_hears_the_phase() -> None:
    """Other than the frequency channels: a flipped sign changes what it says."""
    torch.manual_seed(0)
    judge = STFTDiscriminator(128, channels=4)
    wav = noise(2000)
    assert (judge(wav).score - judge(-wav).score).abs().max() > 1e-3


def test_levels_and_offsets_are_taken_out() -> None:
    wav = noise(1000)
    assert float(levelled(wav).abs().max()) == pytest.approx(0.8)
    torch.testing.assert_close(levelled(0.1 * wav + 0.5), levelled(wav), rtol=1e-3, atol=1e-5)
    torch.manual_seed(0)
    judge = DACDiscriminator((2,), (128,), period_channels=(4, 8), band_channels=2)
    for x, y in zip(judge(wav), judge(0.1 * wav)):
        torch.testing.assert_close(x.score, y.score, rtol=1e-3, atol=1e-5)


def test_a_panel_mixes_discriminators() -> None:
    """Judgements come in the order asked, and are those of each alone."""
    torch.manual_seed(0)
    periods, spectra = MultiPeriodDiscriminator((2, 3), (4, 8)), FrequencyChannelsDiscriminator((128,), 8)
    panel = Panel([*periods.discriminators, *spectra.discriminators])
    wav = noise(1000)
    for x, y in zip(panel(wav), periods(wav) + spectra(wav), strict=True):
        torch.testing.assert_close(x, y)
