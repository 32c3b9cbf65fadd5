"""Kvant's own codec: one frame of spectrum at a time, from a classical transform codec upwards.

Signal      24 kHz mono, window 640, hop 320: 75 frames/s, latency 640 samples (26.7 ms), no look-ahead
Encoder     lapped transform -> compressed MDCT bins and band levels -> KLT to 64 dimensions
            + causal ConvNeXt over compressed spectra, starting at zero
Quantizer   8 residual levels x 1024 vectors of 64 dimensions: 0.75 kbit/s a level, 0.75 / 1.5 / 3 / 6 with 1, 2, 4, 8
Decoder     KLT transposed -> coefficients and band levels -> noise filling -> inverse lapped transform
            x log gains + amounts added by a causal ConvNeXt over latents, starting at zero
Cost        under 700 MFLOPS, under 300 of them to decode: within the LRAC 2025 challenge, track 1

With the networks still at zero this is a complete codec, solved in closed form (`training.closed_form`); training
starts there. Frame-rate ConvNeXt stacks follow Vocos (Siuzdak, 2023); low-complexity causal framing follows the entries
of the LRAC challenge.
"""

from dataclasses import dataclass, field

from kvant.codec import Codec
from kvant.decoders.frame import FrameDecoder
from kvant.encoders.frame import FrameEncoder
from kvant.layers.context import ContextConfig
from kvant.layers.spectral_features import FeatureConfig
from kvant.protocols import Quantizer
from kvant.quantizers.codebooks import EMACodebook
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.remedies import KMeansInit, ReviveDeadCodes
from kvant.quantizers.residual import ResidualQuantizer


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able. The hop is `features.num_bins` samples.

    own_sign: how the first models of this codec added to a bin; see `FrameDecoder`.
    """

    sample_rate: int = 24000
    latent_dim: int = 64
    num_codebooks: int = 8
    codebook_size: int = 1024
    features: FeatureConfig = field(default_factory=FeatureConfig)
    encoder: ContextConfig = field(default_factory=ContextConfig)
    decoder: ContextConfig = field(default_factory=ContextConfig)
    own_sign: bool = False


def build(config: Config) -> Codec:
    """The codec of `config`, networks at zero, codebooks random until solved or trained."""
    codebooks = [EMACodebook(config.codebook_size, config.latent_dim) for _ in range(config.num_codebooks)]
    return around(ResidualQuantizer(codebooks, straight_through, (KMeansInit(), ReviveDeadCodes())), config)


def around(quantizer: Quantizer, config: Config) -> Codec:
    """Encoder and decoder of `config`, with another quantizer of its `latent_dim` dimensions between them."""
    hop_length = config.features.num_bins
    return Codec(
        FrameEncoder(config.features, config.encoder, config.latent_dim),
        quantizer,
        FrameDecoder(config.features, config.decoder, config.latent_dim, config.own_sign),
        sample_rate=config.sample_rate,
        hop_length=hop_length,
        pre_skip=hop_length,
    )
