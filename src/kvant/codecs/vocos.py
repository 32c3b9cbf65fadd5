"""Vocos behind EnCodec (Siuzdak, 2023): its codes, decoded at the frame rate.

Signal      24 kHz mono, hop 320: 75 frames/s
Encoder     EnCodec's, and its first 16 levels of 1024 vectors of 128 dimensions: codes are EnCodec's
Decoder     conv 7 to 384 channels, 8 ConvNeXt blocks (hidden 1152), each frame's magnitudes and phases, inverse
            STFT of 1280 samples every 320; looks 28.5 frames ahead
Told        the bitrate, by gains and shifts of all layer norms: 1.5, 3, 6, 12 kbit/s with 2, 4, 8, 16 levels
Weights     7.9 M in the decoder
Trained by  mel 45, MPD and multi-resolution discriminators (hinge), features; EnCodec as it is

The bitrate told is the largest of the four that the codes reach: 5 levels are decoded as 4 are, and 1 as 2 are, since
there is nothing lower. It follows from the codes that are there, in every call: `ByDepth`.

The published file holds the decoder and, in one table, the vectors its codes stand for, but no encoder: it is imported
with EnCodec's file beside it, since a codec that cannot encode is none. Both must agree about the vectors.
"""

from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.codecs import encodec
from kvant.codecs.published import Companion, Layout, Published, renamed
from kvant.decoders.by_depth import ByDepth
from kvant.decoders.vocos import BackboneConfig, VocosDecoder
from kvant.errors import ModelError
from kvant.heads import CentredISTFTHead
from kvant.layers.adaptive_norm import AdaptiveLayerNorm


@dataclass(frozen=True)
class Config(encodec.Config):
    """Everything the architecture depends on: EnCodec's, whose decoder is not used, and the decoder that is.

    trained_depths: of levels, what the decoder can be told, ascending.
    """

    num_codebooks: int = 16
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    window_length: int = 1280
    trained_depths: tuple[int, ...] = (2, 4, 8, 16)


def build(config: Config) -> Codec:
    """EnCodec's codec with another decoder, untrained."""
    codec = encodec.build(config)
    lead = (config.window_length - codec.hop_length) // 2
    head = CentredISTFTHead(config.backbone.channels, config.window_length, codec.hop_length, lead)
    norm = partial(AdaptiveLayerNorm, len(config.trained_depths))
    codec.decoder = ByDepth(VocosDecoder(config.latent_dim, config.backbone, head, norm), config.trained_depths)
    return codec


NAMES = (
    (r"^backbone\.embed\.", "enter."),
    (r"^backbone\.convnext\.", "blocks."),
    (r"\.dwconv\.", ".depthwise."),
    (r"\.pwconv1\.", ".expand."),
    (r"\.pwconv2\.", ".project."),
    (r"\.gamma$", ".scale"),
    (r"^backbone\.final_layer_norm\.", "last_norm."),
    (r"^backbone\.norm\.", "norm."),
    (r"^head\.out\.", "head.leave."),
)
"""Patterns of the official package's names, and those of a `VocosDecoder`; applied in this order."""

WINDOWS = (r"head\.istft\.window",)
ENCODEC = "feature_extractor.encodec."
TABLE = "feature_extractor.codebook_weights"


def decoder_from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our names of the official backbone and head."""
    return {f"decoder.decoder.{renamed(name, NAMES)}": tensor for name, tensor in state.items()}


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state of the official package's and of EnCodec's within, weight norm folded.

    ModelError: the vectors of EnCodec's quantizer are not those that the decoder was trained with.
    """
    front = {name.removeprefix(ENCODEC): tensor for name, tensor in state.items() if name.startswith(ENCODEC)}
    converted = encodec.from_official(front)
    levels = sum(name.startswith("quantizer.") for name in converted)
    vectors = [converted[f"quantizer.codebooks.{level}.weight"] for level in range(levels)]
    table = state[TABLE]
    if levels and not (len(table) == sum(map(len, vectors)) and torch.allclose(torch.cat(vectors), table, atol=1e-6)):
        raise ModelError("codebooks are not those the decoder was trained with: give the EnCodec file that it needs")
    return converted | decoder_from_official(
        {name: tensor for name, tensor in state.items() if not name.startswith("feature_extractor.")}
    )


PUBLISHED = {
    "vocos-encodec-24khz": Published(
        architecture="vocos",
        config=Config(edges="mirror"),
        layouts=(
            Layout(
                package="vocos",
                mark=r"feature_extractor\.codebook_weights",
                convert=from_official,
                ignorable=(
                    *WINDOWS,
                    r"feature_extractor\.encodec\.decoder\..*",
                    r"feature_extractor\.encodec\.quantizer\.vq\.layers\.(1[6-9]|2\d|3[01])\..*",
                    r"feature_extractor\.encodec\.quantizer\.vq\.layers\.\d+\._codebook\."
                    r"(inited|cluster_size|embed_avg)",
                ),
            ),
        ),
        source="pytorch_model.bin of charactr/vocos-encodec-24khz",
        sha256="",
        code_licence="MIT",
        weights_licence="MIT; of the encoder and the codebooks EnCodec's, see encodec-24khz",
        place="hf://charactr/vocos-encodec-24khz/pytorch_model.bin",
        companion=Companion(ENCODEC, encodec.PUBLISHED["encodec-24khz"].source),
    )
}
"""Released weights of this codec."""
