"""Mimi (Defossez et al., 2024): the codec of Moshi, a speech-text foundation model for real-time dialogue.

Signal      24 kHz mono, hop 1920: 12.5 frames/s
Encoder     SEANet of 64 filters: conv 7, strides 4, 5, 6, 8, one residual unit before each (kernel 3, half as wide,
            nothing around it), channels 64 to 1024, ELU, conv 3 to 512 dimensions, 25 frames/s; transformer of 8
            layers, 8 heads, hidden width 2048, rotary positions, the last 250 frames (10 s); conv 4, stride 2
Quantizer   1 semantic level beside 31 residual acoustic levels, each side through a projection to 256 dimensions and
            back; 2048 vectors each: 0.1375 kbit/s a level, 1.1 with 8, as Moshi uses it, 4.4 with all
Decoder     transposed conv 4, stride 2, each channel for itself; a transformer as above; SEANet backwards
Weights     79.3 M besides the codebooks; weight norm in training, folded in the released files
Trained by  adversarial and feature matching losses alone; semantic level distilled from WavLM by cosine similarity;
            level dropout, half the time no quantization

All is causal, and zero before the signal, but for the convolution of stride 2: it takes the first frame for all that
was before (see `ReplicatedConv1d`). So a frame is coded as soon as its 80 ms are heard, and a stream is equal to the
whole, whatever its length: keys and values of the last 249 frames are kept. (The official stream keeps 250 with those
of the step it is in, and so forgets one too early when a step has two, as every 80 ms have.)
"""

from dataclasses import dataclass, field
from math import prod

from kvant.codec import Codec
from kvant.codecs.mimi_layouts import layouts
from kvant.codecs.published import Published
from kvant.decoders.seanet import SEANetDecoder
from kvant.encoders.seanet import SEANetEncoder
from kvant.layers.replicated_conv import ReplicatedConv1d
from kvant.layers.seanet import SEANetConfig, identity_skip
from kvant.layers.transformer import TransformerConfig, transformer
from kvant.layers.transposed_conv import CausalTransposedConv1d
from kvant.quantizers.codebooks import EMACodebook
from kvant.quantizers.gradients import Unquantized
from kvant.quantizers.projected import FrameLinear, ProjectedQuantizer
from kvant.quantizers.remedies import KMeansInit, ReviveDeadCodes
from kvant.quantizers.residual import ResidualQuantizer
from kvant.quantizers.split import SplitQuantizer
from kvant.quantizers.vector import VectorQuantizer
from kvant.streaming import Chain

REMEDIES = (KMeansInit(iterations=50), ReviveDeadCodes())


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able. stride: frames of the transformers for one of codes."""

    sample_rate: int = 24000
    latent_dim: int = 512
    stride: int = 2
    num_codebooks: int = 32
    codebook_size: int = 2048
    codebook_dim: int = 256
    seanet: SEANetConfig = field(
        default_factory=lambda: SEANetConfig(filters=64, strides=(4, 5, 6, 8), last_kernel_size=3)
    )
    transformer: TransformerConfig = field(default_factory=TransformerConfig)


def build(config: Config) -> Codec:
    """The codec of `config`, untrained. There is no recurrence in its SEANets: their transformers are outside."""
    dim, stride = config.latent_dim, config.stride
    encoder = Chain(
        SEANetEncoder(config.seanet, dim, Chain(), identity_skip),
        transformer(dim, config.transformer),
        ReplicatedConv1d(dim, dim, 2 * stride, stride=stride, bias=False),
    )
    decoder = Chain(
        CausalTransposedConv1d(dim, dim, 2 * stride, stride, groups=dim, bias=False),
        transformer(dim, config.transformer),
        SEANetDecoder(config.seanet, dim, Chain(), identity_skip),
    )
    hop_length = prod(config.seanet.strides) * stride
    return Codec(encoder, quantizer(config), decoder, config.sample_rate, hop_length, pre_skip=0)


def quantizer(config: Config) -> SplitQuantizer:
    """A semantic level beside residual acoustic ones, each side with projections of its own."""
    dim, inner = config.latent_dim, config.codebook_dim
    semantic, *acoustic = (EMACodebook(config.codebook_size, inner) for _ in range(config.num_codebooks))

    def projected(part: VectorQuantizer | ResidualQuantizer) -> ProjectedQuantizer:
        return ProjectedQuantizer(part, FrameLinear(dim, inner, bias=False), FrameLinear(inner, dim, bias=False))

    return SplitQuantizer(
        projected(VectorQuantizer(semantic, Unquantized(), REMEDIES)),
        projected(ResidualQuantizer(acoustic, Unquantized(), REMEDIES)),
    )


PUBLISHED = {
    "mimi-24khz": Published(
        architecture="mimi",
        config=Config(),
        layouts=layouts(heads=8),
        source="tokenizer-e351c8d8-checkpoint125.safetensors",
        sha256="",
        code_licence="MIT",
        weights_licence="CC-BY 4.0",
        place="hf://kyutai/moshiko-pytorch-bf16/tokenizer-e351c8d8-checkpoint125.safetensors",
    )
}
"""Released weights of this codec."""
