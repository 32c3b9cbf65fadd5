"""WavTokenizer (Ji et al., 2024): one code a frame, for language models of audio.

Signal      24 kHz mono, hop 320 or 600: 75 or 40 frames/s; hears the whole signal, does not stream
Encoder     EnCodec's SEANet with centred convolutions: 32 filters, strides 2 4 5 8 or 4 5 5 6, two LSTM layers with a
            skip, 512 dimensions
Quantizer   one codebook of 4096 vectors of 512 dimensions, running means, k-means start: 0.9 or 0.48 kbit/s
Decoder     conv 7 to 768 channels; residual units with group norms over time and attention to the whole signal; 12
            ConvNeXt blocks (hidden 2304), inverse STFT of 4 hops every hop
Weights     71 M in encoder and decoder
Trained by  mel 45, commitment 1000 (a mean over 512 small numbers), discriminators of periods, resolutions and DAC's

`PlaceNet` has no receptive field: chunks are refused in decoding (`encode` goes through them, its LSTM with its state),
and latency is infinite. The published decoder also has norms that are told one of four bitrates, all of them the same:
only what the first is told is imported, as only that is used.
"""

from dataclasses import dataclass, field, replace
from math import prod

from torch import Tensor

from kvant.codecs import centred_names
from kvant.codecs.completing import CompletingCodec
from kvant.codecs.published import Layout, Published, renamed
from kvant.codecs.vocos import ENCODEC, WINDOWS
from kvant.codecs.vocos import NAMES as VOCOS_NAMES
from kvant.decoders.vocos import BackboneConfig, VocosDecoder
from kvant.encoders.seanet import CentredSEANetEncoder
from kvant.heads import CentredISTFTHead
from kvant.layers.lstm import LSTM
from kvant.layers.place_net import PlaceNet
from kvant.layers.seanet import SEANetConfig
from kvant.quantizers.codebooks import EMACodebook
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.remedies import KMeansInit, ReviveDeadCodes
from kvant.quantizers.vector import VectorQuantizer
from kvant.streaming import Residual


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able. norm_groups: of channels, in the group norms."""

    sample_rate: int = 24000
    latent_dim: int = 512
    codebook_size: int = 4096
    lstm_layers: int = 2
    seanet: SEANetConfig = field(default_factory=SEANetConfig)
    backbone: BackboneConfig = field(default_factory=lambda: BackboneConfig(768, 2304, 12))
    norm_groups: int = 32
    window_length: int = 1280


TOKENS_75 = Config()
TOKENS_40 = replace(TOKENS_75, seanet=SEANetConfig(strides=(4, 5, 5, 6)), window_length=2400)


def build(config: Config) -> CompletingCodec:
    """The codec of `config`, untrained."""
    channels, hop_length = config.backbone.channels, prod(config.seanet.strides)
    lead = (config.window_length - hop_length) // 2
    return CompletingCodec(
        CentredSEANetEncoder(
            config.seanet, config.latent_dim, Residual(LSTM(config.seanet.widest, config.lstm_layers))
        ),
        VectorQuantizer(
            EMACodebook(config.codebook_size, config.latent_dim),
            straight_through,
            (KMeansInit(iterations=200), ReviveDeadCodes()),
        ),
        VocosDecoder(
            config.latent_dim,
            config.backbone,
            CentredISTFTHead(channels, config.window_length, hop_length, lead),
            place=PlaceNet(channels, config.norm_groups),
        ),
        sample_rate=config.sample_rate,
        hop_length=hop_length,
        pre_skip=0,
    )


NAMES = (
    (r"^backbone\.pos_net\.", "place.layers."),
    (r"(^place.*)\.norm1\.", r"\1.layers.0."),
    (r"(^place.*)\.conv1\.", r"\1.layers.2."),
    (r"(^place.*)\.norm2\.", r"\1.layers.3."),
    (r"(^place.*)\.conv2\.", r"\1.layers.6."),
    (r"(^place.*)\.proj_out\.", r"\1.out."),
    *VOCOS_NAMES,
)
"""Patterns of the official names of the decoder, and ours; applied in this order."""


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state of the official package's, weight norm folded; of norms that are told something, what 0 tells them."""
    front = {name.removeprefix(ENCODEC): tensor for name, tensor in state.items() if name.startswith(ENCODEC)}
    converted = {
        name.replace("quantizer.codebooks.0.", "quantizer.codebook."): tensor
        for name, tensor in centred_names.from_official(front).items()
    }
    for name, tensor in state.items():
        if name.startswith(ENCODEC):
            continue
        for told, plain in ((".norm.scale.weight", ".norm.weight"), (".norm.shift.weight", ".norm.bias")):
            if name.endswith(told):
                name, tensor = name.removesuffix(told) + plain, tensor[0]
        converted[f"decoder.{renamed(name, NAMES)}"] = tensor
    return converted


LAYOUT = Layout(
    package="WavTokenizer",
    mark=r"backbone\.pos_net\..*",
    convert=from_official,
    ignorable=(
        *WINDOWS,
        r"feature_extractor\.encodec\.decoder\..*",
        r"feature_extractor\.encodec\.quantizer\.vq\.layers\.0\._codebook\.(inited|cluster_size|embed_avg)",
        r"(multiperioddisc|multiresddisc|dac|dacdiscriminator|melspec_loss)\..*",
    ),
)
"""Names of its training checkpoints: discriminators and a decoder of EnCodec that nothing uses lie beside the model."""


def published(config: Config, repository: str, file: str) -> Published:
    """Weights of `config` that the authors released; they give no digests."""
    return Published(
        architecture="wavtokenizer",
        config=config,
        layouts=(LAYOUT,),
        source=f"{file} of {repository}",
        sha256="",
        code_licence="MIT",
        weights_licence="MIT",
        place=f"hf://{repository}/{file}",
    )


HUB = "novateur/WavTokenizer"
PUBLISHED = {
    "wavtokenizer-small-40": published(TOKENS_40, HUB, "WavTokenizer_small_600_24k_4096.ckpt"),
    "wavtokenizer-small-75": published(TOKENS_75, HUB, "WavTokenizer_small_320_24k_4096.ckpt"),
    "wavtokenizer-medium-speech-75": published(
        TOKENS_75, f"{HUB}-medium-speech-75token", "wavtokenizer_medium_speech_320_24k_v2.ckpt"
    ),
    "wavtokenizer-medium-music-75": published(
        TOKENS_75, f"{HUB}-medium-music-audio-75token", "wavtokenizer_medium_music_audio_320_24k_v2.ckpt"
    ),
    "wavtokenizer-large-40": published(
        TOKENS_40, f"{HUB}-large-unify-40token", "wavtokenizer_large_unify_600_24k.ckpt"
    ),
    "wavtokenizer-large-speech-75": published(
        TOKENS_75, f"{HUB}-large-speech-75token", "wavtokenizer_large_speech_320_v2.ckpt"
    ),
}
"""Released weights of this codec."""
