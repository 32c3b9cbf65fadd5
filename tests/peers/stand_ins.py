"""What two official packages take from torchaudio and audiotools, written from its definition: no more than is used.

torchaudio lags torch and audiotools pins what cannot be installed beside it, for one transform each. These modules
stand in for them while a peer's discriminator is imported; `test_stand_ins.py` compares them with the definition.
"""

import sys
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Spectrogram(nn.Module):
    """torchaudio.transforms.Spectrogram of complex spectra (power None), normalized by the window's energy."""

    def __init__(self, n_fft: int, hop_length: int, win_length: int, window_fn: Any, **settings: Any) -> None:
        super().__init__()
        assert settings == {"normalized": True, "center": False, "pad_mode": None, "power": None}
        assert n_fft == win_length
        self.window, self.hop_length = window_fn(win_length), hop_length

    def forward(self, wav: Tensor) -> Tensor:
        """[..., bins, frames] of wav [..., N]."""
        frames = wav.unfold(-1, len(self.window), self.hop_length) * self.window
        return torch.fft.rfft(frames).transpose(-1, -2) / self.window.square().sum().sqrt()


class STFTParams(NamedTuple):
    """audiotools.STFTParams."""

    window_length: int
    hop_length: int
    match_stride: bool = False


class AudioSignal:
    """audiotools.AudioSignal: a wav with spectra that have as many frames as a convolution of the hop's stride."""

    def __init__(self, audio_data: Tensor, sample_rate: int, stft_params: STFTParams | None = None) -> None:
        self.audio_data, self.sample_rate, self.stft_params = audio_data, sample_rate, stft_params

    def resample(self, sample_rate: int) -> None:
        assert sample_rate == self.sample_rate, "the peer's resampling is no part of the comparison"

    def stft(self) -> Tensor:
        """[B, 1, bins, ceil(N / hop)]: mirrored twice, by (W - hop) / 2 and by W / 2, less two frames at either end."""
        assert self.stft_params is not None
        assert self.stft_params.match_stride
        length, hop = self.stft_params.window_length, self.stft_params.hop_length
        missing, beyond = -self.audio_data.shape[-1] % hop, (length - hop) // 2
        wav = F.pad(self.audio_data, (beyond, beyond + missing), mode="reflect")
        window = torch.hann_window(length)
        spectra = torch.stft(wav.flatten(0, 1), length, hop, window=window, center=True, return_complex=True)
        return spectra[..., 2:-2].unflatten(0, wav.shape[:2])


def torchaudio() -> dict[str, ModuleType]:
    """For sys.modules."""
    package, transforms = ModuleType("torchaudio"), ModuleType("torchaudio.transforms")
    transforms.Spectrogram = Spectrogram  # type: ignore[attr-defined]
    package.transforms = transforms  # type: ignore[attr-defined]
    return {"torchaudio": package, "torchaudio.transforms": transforms}


def audiotools() -> dict[str, ModuleType]:
    """For sys.modules."""
    package, ml = ModuleType("audiotools"), ModuleType("audiotools.ml")
    ml.BaseModel = nn.Module  # type: ignore[attr-defined]
    package.AudioSignal, package.STFTParams, package.ml = AudioSignal, STFTParams, ml  # type: ignore[attr-defined]
    return {"audiotools": package, "audiotools.ml": ml}


def encodec(module: str) -> ModuleType:
    """A module of the official EnCodec package, or the test is skipped."""
    pytest.importorskip("einops")
    with pytest.MonkeyPatch.context() as patch:
        for name, stand_in in torchaudio().items():
            patch.setitem(sys.modules, name, stand_in)
        return pytest.importorskip(f"encodec.{module}")


def mimi() -> ModuleType:
    """`moshi.models.loaders` of the official Moshi package, without its text tokenizer; or the test is skipped."""
    sentencepiece = ModuleType("sentencepiece")
    sentencepiece.SentencePieceProcessor = object  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "sentencepiece", sentencepiece)
        return pytest.importorskip("moshi.models.loaders")


@torch.no_grad()
def stir(model: nn.Module, gains: str) -> None:
    """Random weights of a trained codec's kind: norms below 1, frequencies around 1, so that no part is idle.

    gains: how the names of weight norm's gains end in this package.
    """
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if name.endswith("alpha"):
            parameter.uniform_(0.5, 2, generator=generator)
        elif name.endswith(gains):
            parameter.uniform_(0.3, 0.9, generator=generator)
        elif name.endswith("bias"):
            parameter.normal_(0, 0.05, generator=generator)
