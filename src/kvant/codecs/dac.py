"""DAC, the Descript Audio Codec (Kumar et al., 2023): music and all sounds, at full bandwidth.

Signal      44.1, 24 or 16 kHz mono; looks ahead, does not stream
Encoder     Conv7 to 64 channels, blocks of three residual units (Snake, dilations 1, 3, 9) and a strided convolution
            that doubles the channels, strides 2 4 8 8 (2 4 5 8 at 24 and 16 kHz), Conv3 to 1024
Quantizer   9 (32, 12) levels x 1024 vectors of 8 dimensions behind a projection each, searched by angle; 10 bits a
            level: 7.75 kbit/s at 86.1 frames/s (24 at 75, 6 at 50); levels dropped in training
Decoder     the encoder mirrored, from 1536 channels
Training    mel distances at 7 scales 15, features 2, adversaries 1 (periods, and complex spectra in bands), codebook 1,
            commitment 0.25

Three things are the reference's, since its weights depend on them:
`DirectedCodebook`, which searches directions but decodes vectors of any length; the end of a signal at odd strides, see
`DACDecoder`; and zeros, not a mirror, outside the signal. Losses of the levels are means here and sums there.
"""

from dataclasses import dataclass, replace
from math import prod

import torch.nn.functional as F
from torch import Tensor, nn

from kvant.codec import Codec
from kvant.codecs.published import Layout, Published, renamed
from kvant.decoders.dac import DACDecoder
from kvant.encoders.dac import DACEncoder
from kvant.quantizers.codebooks import LearnedCodebook
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.kmeans import nearest
from kvant.quantizers.multi_stage import MultiStageQuantizer
from kvant.quantizers.projected import ProjectedQuantizer
from kvant.quantizers.vector import VectorQuantizer


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able. strides: the encoder's; the decoder's are their reverse."""

    sample_rate: int = 44100
    strides: tuple[int, ...] = (2, 4, 8, 8)
    encoder_channels: int = 64
    decoder_channels: int = 1536
    latent_dim: int = 1024
    num_codebooks: int = 9
    codebook_size: int = 1024
    codebook_dim: int = 8


KHZ_44 = Config()
KHZ_44_16KBPS = replace(KHZ_44, latent_dim=128, num_codebooks=18)
KHZ_24 = Config(sample_rate=24000, strides=(2, 4, 5, 8), num_codebooks=32)
KHZ_16 = replace(KHZ_24, sample_rate=16000, num_codebooks=12)


class DirectedCodebook(LearnedCodebook):
    """Searched by angle, z / |z| against e / |e|, but decoded to e, whatever its length.

    So what is chosen need not be nearest, and losses compare z and e as they are. (`NormalizedCodebook` has one
    geometry for all.)
    """

    def search(self, latents: Tensor) -> Tensor:
        return nearest(F.normalize(latents), F.normalize(self.vectors.detach()))


def factorised_level(latent_dim: int, codebook_dim: int, codebook_size: int) -> ProjectedQuantizer:
    """One level: latents [B, D, T] mapped to d dimensions, quantized by angle, mapped back."""
    return ProjectedQuantizer(
        VectorQuantizer(DirectedCodebook(codebook_size, codebook_dim), straight_through, remedies=()),
        into=nn.Conv1d(latent_dim, codebook_dim, 1),
        out=nn.Conv1d(codebook_dim, latent_dim, 1),
    )


def build(config: Config) -> Codec:
    """The codec of `config`, with random weights."""
    dims = config.latent_dim, config.codebook_dim, config.codebook_size
    return Codec(
        DACEncoder(config.encoder_channels, config.strides, config.latent_dim),
        MultiStageQuantizer([factorised_level(*dims) for _ in range(config.num_codebooks)]),
        DACDecoder(config.latent_dim, config.decoder_channels, config.strides[::-1]),
        sample_rate=config.sample_rate,
        hop_length=prod(config.strides),
        pre_skip=0,
    )


QUANTIZER_NAMES = (
    (r"^quantizer\.quantizers\.", "quantizer.levels."),
    (r"\.in_proj\.", ".into."),
    (r"\.out_proj\.", ".out."),
    (r"\.codebook\.", ".quantizer.codebook."),
)

NAMES = (
    (r"^encoder\.block\.", "encoder.layers."),
    (r"^decoder\.model\.", "decoder.layers."),
    (r"(\d+)\.block\.(\d+)", r"\1.\2"),
    (r"\.block\.", ".layers."),
    *QUANTIZER_NAMES,
)
"""Patterns of the official package's names, and ours; applied in this order."""


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state of the official package's, weight norm folded: only names differ."""
    return {renamed(name, NAMES): tensor for name, tensor in state.items()}


UNIT = ("snake1", "conv1", "snake2", "conv2")


def from_transformers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state of transformers', which has names where the official package has positions."""
    blocks = len({name.split(".")[2] for name in state if name.startswith("encoder.block.")})
    names = (
        (r"^(encoder|decoder)\.conv1\.", r"\1.layers.0."),
        *((rf"^(encoder|decoder)\.block\.{k}\.", rf"\1.layers.{k + 1}.") for k in range(blocks)),
        (r"^(encoder|decoder)\.snake1\.", rf"\1.layers.{blocks + 1}."),
        (r"^(encoder|decoder)\.conv2\.", rf"\1.layers.{blocks + 2}."),
        *((rf"^(encoder\..*)\.res_unit{k + 1}\.", rf"\1.{k}.layers.") for k in range(3)),
        *((rf"^(decoder\..*)\.res_unit{k + 1}\.", rf"\1.{k + 2}.layers.") for k in range(3)),
        *((rf"\.layers\.{part}\.", f".layers.{k}.") for k, part in enumerate(UNIT)),
        (r"^(encoder\..*)\.snake1\.", r"\1.3."),
        (r"^(encoder\..*)\.conv1\.", r"\1.4."),
        (r"^(decoder\..*)\.snake1\.", r"\1.0."),
        (r"\.conv_t1\.", ".1."),
        *QUANTIZER_NAMES,
    )
    return {renamed(name, names): tensor for name, tensor in state.items()}


LAYOUTS = (
    Layout("descript-audio-codec", r"decoder\.model\..*", from_official),
    Layout("transformers", r"decoder\.block\..*", from_transformers),
)
RELEASES = "https://github.com/descriptinc/descript-audio-codec/releases/download"


def published(config: Config, release: str, file: str) -> Published:
    """Weights of `config` that the authors released; they give no digests."""
    return Published(
        architecture="dac",
        config=config,
        layouts=LAYOUTS,
        source=f"{file} of release {release}",
        sha256="",
        code_licence="MIT",
        weights_licence="MIT",
        place=f"{RELEASES}/{release}/{file}",
    )


PUBLISHED = {
    "dac-44khz": published(KHZ_44, "0.0.1", "weights.pth"),
    "dac-44khz-16kbps": published(KHZ_44_16KBPS, "1.0.0", "weights_44khz_16kbps.pth"),
    "dac-24khz": published(KHZ_24, "0.0.4", "weights_24khz.pth"),
    "dac-16khz": published(KHZ_16, "0.0.5", "weights_16khz.pth"),
}
"""Released weights of this codec."""
