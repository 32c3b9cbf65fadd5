"""SNAC at 24 kHz (Siuzdak et al., 2024): codes of several rates, for language models of speech.

Signal      24 kHz mono; looks ahead, does not stream
Encoder     DAC's with depthwise residual units, strides 2 4 8 8, channels 48 to 768, a depthwise Conv7 at the end
Quantizer   3 levels x 4096 vectors of 8 dimensions, as DAC's, but the first codes means of 4 latents, the second of 2,
            the third each: 12 + 24 + 48 bits in 2048 samples, 0.98 kbit/s
Decoder     mirrored from 1024 channels, with noise added at every rate: x + n W x
Weights     19.8 M

A frame is 4 latents: 7 codes, coarse first, 11.7 frames/s; `codec.quantizer.unfold` gives the paper's three sequences.
The reference draws the noise anew at every decoding; here a place in the signal always has the same (`NoiseBlock`). As
in DAC, directions are searched and vectors of any length decoded. The music models have attention too: not here.
"""

from dataclasses import dataclass
from math import prod

from torch import Tensor

from kvant.codec import Codec
from kvant.codecs.dac import factorised_level
from kvant.codecs.published import Layout, Published, renamed
from kvant.decoders.snac import SNACDecoder
from kvant.encoders.snac import SNACEncoder
from kvant.quantizers.multi_scale import MultiScaleQuantizer


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able. strides: the encoder's; the decoder's are their reverse.

    code_strides: how many latents a code of each level stands for.
    """

    sample_rate: int = 24000
    strides: tuple[int, ...] = (2, 4, 8, 8)
    encoder_channels: int = 48
    decoder_channels: int = 1024
    code_strides: tuple[int, ...] = (4, 2, 1)
    codebook_size: int = 4096
    codebook_dim: int = 8


def build(config: Config) -> Codec:
    """The codec of `config`, with random weights."""
    encoder = SNACEncoder(config.encoder_channels, config.strides)
    dims = encoder.latent_dim, config.codebook_dim, config.codebook_size
    return Codec(
        encoder,
        MultiScaleQuantizer([factorised_level(*dims) for _ in config.code_strides], config.code_strides),
        SNACDecoder(encoder.latent_dim, config.decoder_channels, config.strides[::-1]),
        sample_rate=config.sample_rate,
        hop_length=prod(config.strides) * config.code_strides[0],
        pre_skip=0,
    )


NAMES = (
    (r"^encoder\.block\.", "encoder.layers."),
    (r"^(encoder\.layers\.\d+)\.block\.(\d+)", r"\1.\2"),
    (r"^decoder\.model\.(\d+)\.block\.([01])\.", r"decoder.layers.\1.up.\2."),
    (r"^decoder\.model\.(\d+)\.block\.2\.", r"decoder.layers.\1.noise."),
    (r"^decoder\.model\.(\d+)\.block\.3\.", r"decoder.layers.\1.units.0."),
    (r"^decoder\.model\.(\d+)\.block\.4\.", r"decoder.layers.\1.units.1."),
    (r"^decoder\.model\.(\d+)\.block\.5\.", r"decoder.layers.\1.units.2."),
    (r"^decoder\.model\.", "decoder.layers."),
    (r"\.block\.", ".layers."),
    (r"^quantizer\.quantizers\.(\d+)\.", r"quantizer.levels.\1.quantizer."),
    (r"\.in_proj\.", ".into."),
    (r"\.out_proj\.", ".out."),
    (r"\.codebook\.", ".quantizer.codebook."),
)
"""Patterns of the official package's names, and ours; applied in this order."""


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state of the official package's, weight norm folded: only names differ."""
    return {renamed(name, NAMES): tensor for name, tensor in state.items()}


PUBLISHED = {
    "snac-24khz": Published(
        architecture="snac",
        config=Config(),
        layouts=(Layout("snac", r"decoder\.model\..*", from_official),),
        source="pytorch_model.bin of hubertsiuzdak/snac_24khz",
        sha256="",
        code_licence="MIT",
        weights_licence="MIT",
        place="hf://hubertsiuzdak/snac_24khz/pytorch_model.bin",
    )
}
"""Released weights of this codec."""
