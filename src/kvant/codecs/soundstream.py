"""SoundStream (Zeghidour et al., 2021): An End-to-End Neural Audio Codec. Nobody published its weights.

Signal      24 kHz mono, hop 320: 75 frames/s; causal, latency one hop
Encoder     conv 7 to 32 channels; for each stride 2, 4, 5, 8 three residual units (kernel 7, dilations 1, 3, 9, then a
            matrix, as wide throughout) and a convolution of two strides that doubles the channels; conv 3 to D
Quantizer   levels x 1024 vectors, running means, k-means start, dead codes replaced; 0.75 kbit/s a level: 3 to 18 with
            4 to 24 levels, one model for all by quantizer dropout, which the paper introduced
Decoder     the encoder backwards, transposed convolutions cut at the end; its last convolution has kernel 7
Trained by  multi-scale mel distance 1; adversaries 1 (hinge), of waveforms at three scales and of complex spectra;
            their features 100

The paper leaves open, and here is chosen: D = 256; an ELU before every convolution but the first of each half; no
normalization; silence before the signal. Denoising by conditioned channels (FiLM) is not here.
"""

from dataclasses import dataclass, field, replace
from math import prod

from kvant.codec import Codec
from kvant.codecs.encodec import residual_levels
from kvant.decoders.seanet import SEANetDecoder
from kvant.encoders.seanet import SEANetEncoder
from kvant.layers.seanet import SEANetConfig, identity_skip
from kvant.streaming import Chain

ENCODER_LAST_KERNEL = 3


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able. The encoder's last convolution has kernel 3 in any case."""

    sample_rate: int = 24000
    latent_dim: int = 256
    num_codebooks: int = 24
    codebook_size: int = 1024
    seanet: SEANetConfig = field(
        default_factory=lambda: SEANetConfig(residual_kernel_size=7, dilations=(1, 3, 9), compression=1)
    )


def build(config: Config) -> Codec:
    """The codec of `config`, untrained."""
    last = replace(config.seanet, last_kernel_size=ENCODER_LAST_KERNEL)
    return Codec(
        SEANetEncoder(last, config.latent_dim, recurrence=Chain(), skip=identity_skip),
        residual_levels(config.num_codebooks, config.codebook_size, config.latent_dim),
        SEANetDecoder(config.seanet, config.latent_dim, recurrence=Chain(), skip=identity_skip),
        sample_rate=config.sample_rate,
        hop_length=prod(config.seanet.strides),
        pre_skip=0,
    )
