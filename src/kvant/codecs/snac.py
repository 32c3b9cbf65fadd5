"""SNAC (Siuzdak et al., 2024): codes of several rates, for language models of speech, and of music.

Signal      24 kHz mono; 32 or 44.1 for music; looks ahead, does not stream
Encoder     DAC's with depthwise residual units, strides 2 4 8 8, channels 48 to 768, a depthwise Conv7 at the end; for
            music strides 2 3 8 8, channels 64 to 1024, and self-attention in windows of 32 latents before the Conv7
Quantizer   3 levels x 4096 vectors of 8 dimensions, as DAC's, but the first codes means of 4 latents, the second of 2,
            the third each: 12 + 24 + 48 bits in 2048 samples, 0.98 kbit/s; for music 4 levels, of 8, 4, 2 and 1
            latents: 180 bits in 3072 samples, 1.88 or 2.58 kbit/s
Decoder     mirrored from 1024 (1536) channels, with noise added at every rate: x + n W x
Weights     19.8 M; 54.5 M

A frame is 4 latents: 7 codes, coarse first, 11.7 frames/s. With attention a frame is a window, since no less can be
decoded alone: 32 latents, 4 + 8 + 16 + 32 codes. `codec.quantizer.unfold` gives the paper's sequences either way. The
reference draws the noise anew at every decoding; here a place in the signal always has the same (`NoiseBlock`). As in
DAC, directions are searched and vectors of any length decoded.
"""

from dataclasses import dataclass, replace
from functools import partial
from math import lcm, prod

import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.codecs.dac import factorised_level
from kvant.codecs.mimi_layouts import neighbours
from kvant.codecs.published import Layout, Published, renamed
from kvant.decoders.snac import SNACDecoder
from kvant.encoders.snac import SNACEncoder
from kvant.layers.local_attention import LocalAttention
from kvant.quantizers.multi_scale import MultiScaleQuantizer


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able. strides: the encoder's; the decoder's are their reverse.

    code_strides: how many latents a code of each level stands for. attention_window: in latents; None: no attention.
    head_dim: channels of each of its heads.
    """

    sample_rate: int = 24000
    strides: tuple[int, ...] = (2, 4, 8, 8)
    encoder_channels: int = 48
    decoder_channels: int = 1024
    code_strides: tuple[int, ...] = (4, 2, 1)
    codebook_size: int = 4096
    codebook_dim: int = 8
    attention_window: int | None = None
    head_dim: int = 64

    @property
    def span(self) -> int:
        """Latents in a frame of codes."""
        return lcm(self.code_strides[0], self.attention_window or 1)


KHZ_32 = Config(
    sample_rate=32000,
    strides=(2, 3, 8, 8),
    encoder_channels=64,
    decoder_channels=1536,
    code_strides=(8, 4, 2, 1),
    attention_window=32,
)
KHZ_44 = replace(KHZ_32, sample_rate=44100)


def build(config: Config) -> Codec:
    """The codec of `config`, with random weights."""
    attention = None
    if config.attention_window:
        attention = partial(LocalAttention, window=config.attention_window, head_dim=config.head_dim)
    encoder = SNACEncoder(config.encoder_channels, config.strides, attention)
    dims = encoder.latent_dim, config.codebook_dim, config.codebook_size
    levels = [factorised_level(*dims) for _ in config.code_strides]
    return Codec(
        encoder,
        MultiScaleQuantizer(levels, config.code_strides, config.span),
        SNACDecoder(encoder.latent_dim, config.decoder_channels, config.strides[::-1], attention),
        sample_rate=config.sample_rate,
        hop_length=prod(config.strides) * config.span,
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
    (r"\.(in_proj|to_qkv)\.", ".into."),
    (r"\.(out_proj|to_out)\.", ".out."),
    (r"\.codebook\.", ".quantizer.codebook."),
)
"""Patterns of the official package's names, and ours; applied in this order."""


def from_official(state: dict[str, Tensor], head_dim: int) -> dict[str, Tensor]:
    """Our state of the official package's, weight norm folded: pairs of channels that turn together are neighbours."""
    converted = {}
    for name, tensor in state.items():
        if name.endswith(".to_qkv.weight"):
            query, key, value = tensor.chunk(3)
            heads = len(query) // head_dim
            tensor = torch.cat([neighbours(query, heads), neighbours(key, heads), value])
        converted[renamed(name, NAMES)] = tensor
    return converted


def published(config: Config, repository: str) -> Published:
    """Weights of `config` that the authors released; they give no digests."""
    layout = Layout(
        package="snac",
        mark=r"decoder\.model\..*",
        convert=partial(from_official, head_dim=config.head_dim),
        ignorable=(r".*\.rel_pos\.inv_freq",),
    )
    return Published(
        architecture="snac",
        config=config,
        layouts=(layout,),
        source=f"pytorch_model.bin of {repository}",
        sha256="",
        code_licence="MIT",
        weights_licence="MIT",
        place=f"hf://{repository}/pytorch_model.bin",
    )


PUBLISHED = {
    "snac-24khz": published(Config(), "hubertsiuzdak/snac_24khz"),
    "snac-32khz": published(KHZ_32, "hubertsiuzdak/snac_32khz"),
    "snac-44khz": published(KHZ_44, "hubertsiuzdak/snac_44khz"),
}
"""Released weights of this codec."""
