"""The discriminator for CPUs: spectra whose frequency bins are the channels of convolutions over time."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from kvant.discriminators.judging import Panel, activations, at_least
from kvant.layers.hann import hann_spectra
from kvant.protocols import Judgement


class FrequencyChannelDiscriminator(nn.Module):
    """Compressed magnitudes |X|^0.3 of one resolution -> 1-D convolutions over frames, bins as channels.

    Two-dimensional convolutions slide over thin maps, and memory decides what they cost. Here the first layer is a
    matrix of bins x `channels` for each of three frames, which a CPU multiplies at full speed; the price is that what
    was learnt about one frequency is not known at another. The hop is a quarter of the window, the middle layers halve
    the frame rate twice: a score looks at a wav every `stride` samples, and shifting the wav by that shifts the scores.
    """

    def __init__(self, window_length: int, channels: int = 128, exponent: float = 0.3) -> None:
        super().__init__()
        self.window_length, self.hop_length, self.exponent = window_length, window_length // 4, exponent
        self.stride = 4 * self.hop_length
        layers = [
            nn.Conv1d(window_length // 2 + 1, channels, 3, padding=1),
            nn.Conv1d(channels, channels, 3, stride=2, padding=1),
            nn.Conv1d(channels, channels, 3, stride=2, padding=1),
            nn.Conv1d(channels, channels, 3, padding=1),
        ]
        self.convs = nn.ModuleList(weight_norm(layer) for layer in layers)
        self.conv_post = weight_norm(nn.Conv1d(channels, 1, 3, padding=1))

    def forward(self, wav: Tensor) -> Judgement:
        """wav [B, 1, N]; score [B, 1, frames / 4]. A wav shorter than the window is followed by silence."""
        features = activations(self.compressed(wav), self.convs, slope=0.1)
        return Judgement(self.conv_post(features[-1]), features)

    def compressed(self, wav: Tensor) -> Tensor:
        """[B, bins, frames]; a floor of -80 dB keeps the slope finite in silence."""
        spectra = hann_spectra(at_least(wav, self.window_length).squeeze(1), self.window_length, self.hop_length)
        power = spectra.real.square() + spectra.imag.square()
        return (power + 1e-8).pow(self.exponent / 2)


class FrequencyChannelsDiscriminator(Panel):
    """`FrequencyChannelDiscriminator` at several window lengths: 1.1 M parameters at the default three."""

    def __init__(self, window_lengths: Sequence[int] = (512, 1024, 2048), channels: int = 128) -> None:
        super().__init__(FrequencyChannelDiscriminator(length, channels) for length in window_lengths)
