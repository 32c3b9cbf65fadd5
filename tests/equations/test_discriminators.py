"""What each discriminator looks at: periods, scales, bands and bins."""

import torch

from kvant.discriminators.frequency_channels import FrequencyChannelDiscriminator
from kvant.layers.hann import hann_spectra


def noise(length: int, seed: int = 0) -> torch.Tensor:
    return 0.3 * torch.randn(1, 1, length, generator=torch.Generator().manual_seed(seed))


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
    tone = 0.5 * torch.cos(2 * torch.pi * 10 / 64 * torch.arange(640.0))[None, None]
    maps = judge.compressed(tone)
    assert int(maps.mean(-1).argmax()) == 10
    torch.testing.assert_close(judge.compressed(-tone), maps)
    torch.testing.assert_close(judge.compressed(0.1 * tone)[:, 9:12], 10**-0.3 * maps[:, 9:12], rtol=1e-4, atol=0)
    torch.testing.assert_close(judge.compressed(0 * tone), torch.full_like(maps, 1e-8**0.15))
