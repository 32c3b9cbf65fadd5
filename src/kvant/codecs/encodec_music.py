"""EnCodec at 32 kHz, the model under MusicGen (Copet et al., 2023): Simple and Controllable Music Generation.

Signal      32 kHz mono, hop 640: 50 frames/s; looks ahead, does not stream
Encoder     SEANet of 64 filters: conv 7, strides 4, 4, 5, 8, one residual unit before each (kernel 3, half as wide,
            nothing around it), channels 64 to 1024; ELU; two LSTM layers with a skip; conv 7 to 128 dimensions
Quantizer   4 residual levels x 2048 vectors of 128 dimensions: 2.2 kbit/s
Decoder     the encoder backwards
Weights     56.9 M in encoder and decoder, weight norm in training

All convolutions are centred: the LSTM alone knows no future. Two packages read the published weights, and disagree on
what convolutions hear beyond the signal. transformers mirrors, audiocraft's configuration says zeros; `Config.edges`.
"""

from dataclasses import dataclass, field
from math import prod

from kvant.codecs import centred_names
from kvant.codecs.completing import CompletingCodec
from kvant.codecs.encodec import layouts, residual_levels
from kvant.codecs.published import Published
from kvant.decoders.seanet import CentredSEANetDecoder
from kvant.encoders.seanet import CentredSEANetEncoder
from kvant.errors import UsageError
from kvant.layers.lstm import LSTM
from kvant.layers.seanet import CENTRED, CENTRED_MIRRORED, Convolutions, SEANetConfig, identity_skip
from kvant.streaming import Residual

EDGES: dict[str, Convolutions] = {"mirror": CENTRED_MIRRORED, "silence": CENTRED}
"""What convolutions hear beyond the signal."""


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able. edges: a name in EDGES."""

    sample_rate: int = 32000
    latent_dim: int = 128
    num_codebooks: int = 4
    codebook_size: int = 2048
    lstm_layers: int = 2
    seanet: SEANetConfig = field(default_factory=lambda: SEANetConfig(filters=64, strides=(4, 4, 5, 8)))
    edges: str = "mirror"


def build(config: Config) -> CompletingCodec:
    """The codec of `config`, untrained. UsageError: unknown edges."""
    if config.edges not in EDGES:
        raise UsageError(f"edges {config.edges!r}: must be one of {', '.join(EDGES)}")
    seanet, convolutions = config.seanet, EDGES[config.edges]

    def recurrence() -> Residual:
        return Residual(LSTM(seanet.widest, config.lstm_layers))

    return CompletingCodec(
        CentredSEANetEncoder(seanet, config.latent_dim, recurrence(), identity_skip, convolutions),
        residual_levels(config.num_codebooks, config.codebook_size, config.latent_dim),
        CentredSEANetDecoder(seanet, config.latent_dim, recurrence(), identity_skip, convolutions),
        sample_rate=config.sample_rate,
        hop_length=prod(seanet.strides),
        pre_skip=0,
    )


PUBLISHED = {
    "encodec-32khz": Published(
        architecture="encodec-music",
        config=Config(),
        layouts=layouts("audiocraft", centred_names.from_official)[::-1],  # published in that of transformers
        source="pytorch_model.bin of facebook/encodec_32khz",
        sha256="",
        code_licence="MIT",
        weights_licence="CC-BY-NC 4.0, as all weights of audiocraft: not for commercial use",
        place="hf://facebook/encodec_32khz/pytorch_model.bin",
    )
}
"""Released weights of this codec."""
