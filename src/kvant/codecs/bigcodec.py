"""BigCodec (Xin et al., 2024): Pushing the Limits of Low-Bitrate Neural Speech Codec.

Signal      16 kHz mono, hop 200: 80 frames/s; looks ahead, does not stream
Encoder     Conv7 to 48 channels, DAC's blocks of strides 2 2 2 5 5 with anti-aliased SnakeBetas, two LSTM layers over
            1536 channels with a skip, Conv3 to 1024
Quantizer   one codebook of 8192 vectors of 8 dimensions, as a level of DAC's: 13 bits a frame, 1.04 kbit/s
Decoder     Conv7 to 1536 channels, two LSTM layers, the blocks backwards, Conv7, tanh
Weights     76.5 M in the encoder, 82.9 M in the decoder
Training    mel distances at seven scales 15, multi-period and multi-scale STFT discriminators (least squares) 1, their
            features 1, codebook 1, commitment 0.25

The LSTMs run forwards: nothing ends what an output has heard, but what it hears of the future is finite, 0.7 s in all.
So chunks are exact, with the LSTM's state carried between them (`Recurrent`). As in DAC, directions are searched and
vectors of any length decoded.
"""

from dataclasses import dataclass
from math import prod

from torch import Tensor

from kvant.codec import Codec
from kvant.codecs.dac import factorised_level
from kvant.codecs.published import Layout, Published, renamed
from kvant.decoders.bigcodec import BigCodecDecoder
from kvant.encoders.bigcodec import BigCodecEncoder


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able. strides: the encoder's; the decoder's are their reverse."""

    sample_rate: int = 16000
    strides: tuple[int, ...] = (2, 2, 2, 5, 5)
    encoder_channels: int = 48
    decoder_channels: int = 1536
    lstm_layers: int = 2
    latent_dim: int = 1024
    codebook_size: int = 8192
    codebook_dim: int = 8


def build(config: Config) -> Codec:
    """The codec of `config`, with random weights."""
    return Codec(
        BigCodecEncoder(config.encoder_channels, config.strides, config.lstm_layers, config.latent_dim),
        factorised_level(config.latent_dim, config.codebook_dim, config.codebook_size),
        BigCodecDecoder(config.latent_dim, config.decoder_channels, config.strides[::-1], config.lstm_layers),
        sample_rate=config.sample_rate,
        hop_length=prod(config.strides),
        pre_skip=0,
    )


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state of the authors', weight norm folded; their projections are linear layers, ours convolutions of one tap.

    They count the layers of encoder and decoder through; here those before and after the LSTM count from 0.
    """
    strides = len({name.split(".")[2] for name in state if name.startswith("CodecEnc.block.")}) - 4
    names = (
        (rf"^CodecEnc\.block\.{strides + 1}\.", "encoder.recurrence.branch."),
        *((rf"^CodecEnc\.block\.{strides + 2 + k}\.", f"encoder.after.layers.{k}.") for k in range(2)),
        (r"^CodecEnc\.block\.", "encoder.before.layers."),
        (r"^generator\.model\.0\.", "decoder.before.layers.0."),
        (r"^generator\.model\.1\.", "decoder.recurrence.branch."),
        *((rf"^generator\.model\.{k + 2}\.", f"decoder.after.layers.{k}.") for k in range(strides + 2)),
        (r"(\d+)\.block\.(\d+)", r"\1.\2"),
        (r"\.block\.", ".layers."),
        (r"\.act\.", ".nonlinearity."),
        (r"^generator\.quantizer\.layers\.0\.", "quantizer."),
        (r"\.in_proj\.", ".into."),
        (r"\.out_proj\.", ".out."),
        (r"\._codebook\.", ".quantizer.codebook."),
    )
    projections = (".in_proj.weight", ".out_proj.weight")
    return {
        renamed(name, names): tensor[..., None] if name.endswith(projections) else tensor
        for name, tensor in state.items()
    }


PUBLISHED = {
    "bigcodec": Published(
        architecture="bigcodec",
        config=Config(),
        layouts=(
            Layout(
                package="BigCodec",
                mark=r"CodecEnc\.block\.0\..*",
                convert=from_official,
                ignorable=(r".*\.upsample\.filter", r".*\.downsample\.lowpass\.filter"),
            ),
        ),
        source="bigcodec.pt of Alethia/BigCodec",
        sha256="",
        code_licence="MIT",
        weights_licence="MIT",
        place="hf://Alethia/BigCodec/bigcodec.pt",
    )
}
"""Released weights of this codec. Their filters are those of `AntiAliased`, computed."""
