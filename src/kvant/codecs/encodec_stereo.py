"""EnCodec at 48 kHz in stereo (Defossez et al., 2022): High Fidelity Neural Audio Compression.

Signal      48 kHz stereo in segments of one second that overlap by 1 %, hop 320: 150 frames/s and a scale a segment
Encoder     SEANet of 32 filters as at 24 kHz (strides 2, 4, 5, 8; a matrix around the residual units; two LSTM layers
            with a skip; 128 dimensions), but centred, mirrored at the edges of a segment, and every convolution's
            output normalized over channels and time
Quantizer   16 residual levels x 1024 vectors of 128 dimensions: 3, 6, 12, 24 kbit/s with 2, 4, 8, 16 levels
Decoder     the encoder backwards, segments faded into each other
Weights     14.9 M in encoder and decoder

Bitrates are their authors', of a segment alone; the overlap makes them 1 % more, the scales 32 bit/s.
"""

from dataclasses import dataclass, field
from math import prod

from torch import Tensor

from kvant.codecs.centred_names import around_recurrence
from kvant.codecs.encodec import layouts, residual_levels
from kvant.codecs.published import Published, renamed
from kvant.codecs.segmented import SegmentedCodec
from kvant.decoders.seanet import CentredSEANetDecoder
from kvant.encoders.seanet import CentredSEANetEncoder
from kvant.layers.lstm import LSTM
from kvant.layers.seanet import CENTRED_NORMED, SEANetConfig, normed_skip
from kvant.streaming import Residual


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able. segment_length, segment_stride: in samples."""

    sample_rate: int = 48000
    latent_dim: int = 128
    num_codebooks: int = 16
    codebook_size: int = 1024
    lstm_layers: int = 2
    seanet: SEANetConfig = field(default_factory=lambda: SEANetConfig(channels=2))
    segment_length: int = 48000
    segment_stride: int = 47520


def build(config: Config) -> SegmentedCodec:
    """The codec of `config`, untrained."""
    seanet = config.seanet

    def recurrence() -> Residual:
        return Residual(LSTM(seanet.widest, config.lstm_layers))

    return SegmentedCodec(
        CentredSEANetEncoder(seanet, config.latent_dim, recurrence(), normed_skip, CENTRED_NORMED),
        residual_levels(config.num_codebooks, config.codebook_size, config.latent_dim),
        CentredSEANetDecoder(seanet, config.latent_dim, recurrence(), normed_skip, CENTRED_NORMED),
        config.sample_rate,
        prod(seanet.strides),
        config.segment_length,
        config.segment_stride,
        seanet.channels,
    )


NAMES = (
    (r"\.(convtr|conv)\.norm\.", ".norm."),
    (r"\.convtr\.convtr\.", ".conv."),
    (r"\.block\.3\.conv\.conv\.", ".branches.0.layers.3.conv."),
    (r"\.block\.(\d+)\.", r".branches.0.layers.\1."),
    (r"\.shortcut\.conv\.conv\.", ".branches.1.conv."),
    (r"\.shortcut\.norm\.", ".branches.1.norm."),
    (r"\.lstm\.", ".branch.lstm."),
    (r"^quantizer\.vq\.layers\.(\d+)\._codebook\.embed$", r"quantizer.codebooks.\1.weight"),
)
"""Patterns of the official package's names, and ours; applied in this order, after `around_recurrence`."""


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state of the official package's: only names differ."""
    return {renamed(name, NAMES): tensor for name, tensor in around_recurrence(state).items()}


PUBLISHED = {
    "encodec-48khz": Published(
        architecture="encodec-stereo",
        config=Config(),
        layouts=layouts("encodec", from_official),
        source="encodec_48khz-7e698e3e.th",
        sha256="7e698e3e",
        code_licence="MIT",
        weights_licence="MIT by their repository, CC-BY-NC 4.0 by the package that loads them: ask for commercial use",
        place="https://dl.fbaipublicfiles.com/encodec/v0/encodec_48khz-7e698e3e.th",
    )
}
"""Released weights of this codec."""
