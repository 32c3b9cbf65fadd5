"""Vocos as a vocoder (Siuzdak, 2023): log mel spectra to wav. No codec: nothing is quantized.

Signal      24 kHz mono, hop 256
Features    log mel spectra of 100 bands under Hann windows of 1024, magnitudes, natural logarithm floored at 1e-7
Decoder     conv 7 to 512 channels, 8 ConvNeXt blocks (hidden 1536), inverse STFT of 1024 samples every 256
Weights     13.5 M
"""

from dataclasses import dataclass, field

from torch import Tensor, nn

from kvant.codecs.published import Layout, Published, renamed
from kvant.codecs.vocos import NAMES, WINDOWS
from kvant.decoders.vocos import BackboneConfig, VocosDecoder
from kvant.heads import CentredISTFTHead
from kvant.layers.mel import LogMelSpectrum


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able."""

    sample_rate: int = 24000
    window_length: int = 1024
    hop_length: int = 256
    num_mels: int = 100
    backbone: BackboneConfig = field(default_factory=lambda: BackboneConfig(channels=512, hidden=1536))


class MelVocoder(nn.Module):
    """wav [B, 1, N] -> log mel spectra [B, num_mels, N // hop_length + 1] -> wav [B, 1, N]."""

    def __init__(self, features: LogMelSpectrum, decoder: VocosDecoder) -> None:
        super().__init__()
        self.features = features
        self.decoder = decoder

    def decode(self, mel: Tensor, num_samples: int | None = None) -> Tensor:
        """wav [B, 1, num_samples] of log mel spectra [B, num_mels, T], at most T hops.

        By default up to the middle of the last frame, T - 1 hops.
        """
        hop = self.features.hop_length
        return self.decoder(mel)[..., : (mel.shape[-1] - 1) * hop if num_samples is None else num_samples]

    def forward(self, wav: Tensor) -> Tensor:
        """Through the mel spectrum and back, as long as before."""
        return self.decode(self.features(wav), wav.shape[-1])


def build(config: Config) -> MelVocoder:
    """The vocoder of `config`, untrained."""
    window, hop = config.window_length, config.hop_length
    return MelVocoder(
        LogMelSpectrum(config.sample_rate, window, hop, config.num_mels),
        VocosDecoder(
            config.num_mels,
            config.backbone,
            CentredISTFTHead(config.backbone.channels, window, hop, lead=window // 2),
        ),
    )


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state of the official package's: only names differ."""
    return {f"decoder.{renamed(name, NAMES)}": tensor for name, tensor in state.items()}


PUBLISHED = Published(
    architecture="vocos-mel",
    config=Config(),
    layouts=(
        Layout(
            package="vocos",
            mark=r"backbone\.norm\.weight",
            convert=from_official,
            ignorable=(*WINDOWS, r"feature_extractor\.mel_spec\.(spectrogram\.window|mel_scale\.fb)"),
        ),
    ),
    source="pytorch_model.bin of charactr/vocos-mel-24khz",
    sha256="",
    code_licence="MIT",
    weights_licence="MIT",
    place="hf://charactr/vocos-mel-24khz/pytorch_model.bin",
)
"""The released weights."""
