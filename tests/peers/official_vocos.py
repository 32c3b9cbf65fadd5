"""The official packages of Vocos and WavTokenizer, imported without torchaudio and without the hub, or skipped."""

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.peers import stand_ins


class Spectrogram(nn.Module):
    """torchaudio.transforms.Spectrogram of magnitudes (power 1), as MelSpectrogram asks for it."""

    def __init__(self, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.register_buffer("window", torch.hann_window(n_fft))

    def forward(self, wav: Tensor) -> Tensor:
        return torch.stft(
            wav, self.n_fft, self.hop_length, window=self.window, center=True, pad_mode="reflect", return_complex=True
        ).abs()


class MelScale(nn.Module):
    """torchaudio.transforms.MelScale, "htk" and without a norm, in single precision as there."""

    def __init__(self, sample_rate: int, n_fft: int, n_mels: int) -> None:
        super().__init__()
        points = torch.linspace(0, 2595 * float(torch.log10(torch.tensor(1 + sample_rate / 1400))), n_mels + 2)
        points = 700 * (10 ** (points / 2595) - 1)
        slopes = points - torch.linspace(0, sample_rate // 2, n_fft // 2 + 1)[:, None]
        widths = points.diff()
        falling, rising = slopes[:, 2:] / widths[1:], -slopes[:, :-2] / widths[:-1]
        self.register_buffer("fb", torch.minimum(falling, rising).clamp(min=0))

    def forward(self, spectrogram: Tensor) -> Tensor:
        return (spectrogram.transpose(-1, -2) @ self.fb).transpose(-1, -2)


class MelSpectrogram(nn.Module):
    """torchaudio.transforms.MelSpectrogram with the settings Vocos leaves as they are."""

    def __init__(self, sample_rate: int, n_fft: int, hop_length: int, n_mels: int, center: bool, power: int) -> None:
        super().__init__()
        assert center
        assert power == 1
        self.spectrogram = Spectrogram(n_fft, hop_length)
        self.mel_scale = MelScale(sample_rate, n_fft, n_mels)

    def forward(self, wav: Tensor) -> Tensor:
        return self.mel_scale(self.spectrogram(wav))


def modules() -> dict[str, ModuleType]:
    """For sys.modules: torchaudio, a hub that gives nothing, and scipy for a window that only another head needs."""
    found = stand_ins.torchaudio()
    found["torchaudio.transforms"].MelSpectrogram = MelSpectrogram  # type: ignore[attr-defined]
    for name in ("torchaudio.functional", "torchaudio.functional.functional", "huggingface_hub", "scipy"):
        found[name] = ModuleType(name)
    mels = found["torchaudio.functional.functional"]
    mels._hz_to_mel = mels._mel_to_hz = None  # type: ignore[attr-defined]
    found["huggingface_hub"].hf_hub_download = None  # type: ignore[attr-defined]
    return found


def official(name: str) -> Any:
    """A module of an official package, or the test is skipped."""
    for needed in ("einops", "yaml"):
        pytest.importorskip(needed)
    with pytest.MonkeyPatch.context() as patch:
        for module, stand_in in modules().items():
            patch.setitem(sys.modules, module, stand_in)
        return pytest.importorskip(name)


@torch.no_grad()
def stir(model: nn.Module) -> None:
    """Random weights of a trained decoder's kind: conditions apart, layer scales of consequence, no bias at zero."""
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if name.endswith(("gamma", "norm.scale.weight")):
            parameter.uniform_(0.5, 1.5, generator=generator)
        elif name.endswith("norm.shift.weight"):
            parameter.normal_(0, 0.5, generator=generator)
        elif name.startswith("backbone.") and name.endswith(("conv.weight", "1.weight", "2.weight", "embed.weight")):
            parameter.normal_(0, 0.7 / parameter[0].numel() ** 0.5, generator=generator)
        elif name.startswith(("backbone.", "head.")) and name.endswith("bias"):
            parameter.normal_(0, 0.1, generator=generator)
