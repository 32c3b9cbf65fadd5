"""EnCodec, the causal model (Defossez et al., 2022): High Fidelity Neural Audio Compression.

Signal      24 kHz mono, hop 320: 75 frames/s
Encoder     SEANet of 32 filters: conv 7, strides 2, 4, 5, 8, one residual unit before each (kernel 3, half as wide,
            a matrix around it), channels 32 to 512; ELU; two LSTM layers with a skip; conv 7 to 128 dimensions
Quantizer   32 residual levels x 1024 vectors of 128 dimensions, running means of decay 0.99, k-means start
            1.5, 3, 6, 12, 24 kbit/s with 2, 4, 8, 16, 32 levels
Decoder     the encoder backwards, transposed convolutions cut at the end
Weights     14.8 M in encoder and decoder, weight norm in training
Trained by  time-domain l1, mel at seven scales, MS-STFT discriminator (hinge) and its features, loss balancer,
            structured level dropout

What is heard before a signal begins is a choice, `Config.edges`. The published model mirrors the input of every
convolution, at the end too, and so looks six frames ahead for the first six: see `MirroredCodec`. With silence,
every frame is causal from the first on, which suits streams and training; the same weights then start differently.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

from torch import Tensor

from kvant.codec import Codec
from kvant.codecs.mirrored import MirroredCodec
from kvant.codecs.published import Layout, Published, State, renamed
from kvant.decoders.seanet import SEANetDecoder
from kvant.encoders.seanet import SEANetEncoder
from kvant.errors import UsageError
from kvant.layers.lstm import LSTM
from kvant.layers.seanet import CAUSAL, CAUSAL_MIRRORED, Convolutions, SEANetConfig
from kvant.layers.transposed_conv import as_convolution
from kvant.quantizers.codebooks import EMACodebook
from kvant.quantizers.gradients import straight_through
from kvant.quantizers.remedies import KMeansInit, ReviveDeadCodes
from kvant.quantizers.residual import ResidualQuantizer
from kvant.streaming import Residual

EDGES: dict[str, Convolutions] = {"silence": CAUSAL, "mirror": CAUSAL_MIRRORED}
"""What convolutions hear beyond the signal."""


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able. edges: a name in EDGES."""

    sample_rate: int = 24000
    latent_dim: int = 128
    num_codebooks: int = 32
    codebook_size: int = 1024
    lstm_layers: int = 2
    seanet: SEANetConfig = field(default_factory=SEANetConfig)
    edges: str = "silence"


def residual_levels(num_codebooks: int, codebook_size: int, latent_dim: int) -> ResidualQuantizer:
    """Levels of running means that start at k-means, their dead codes revived."""
    codebooks = [EMACodebook(codebook_size, latent_dim) for _ in range(num_codebooks)]
    return ResidualQuantizer(codebooks, straight_through, (KMeansInit(iterations=50), ReviveDeadCodes()))


def build(config: Config) -> Codec:
    """The codec of `config`, untrained. UsageError: unknown edges."""
    if config.edges not in EDGES:
        raise UsageError(f"edges {config.edges!r}: must be one of {', '.join(EDGES)}")
    seanet, convolutions = config.seanet, EDGES[config.edges]

    def recurrence() -> Residual:
        return Residual(LSTM(seanet.widest, config.lstm_layers))

    encoder = SEANetEncoder(seanet, config.latent_dim, recurrence(), convolutions=convolutions)
    decoder = SEANetDecoder(seanet, config.latent_dim, recurrence(), convolutions=convolutions)
    quantizer = residual_levels(config.num_codebooks, config.codebook_size, config.latent_dim)
    hop_length = prod(seanet.strides)
    if config.edges == "mirror":
        first_frames = max(seanet.kernel_size, seanet.last_kernel_size)
        return MirroredCodec(encoder, quantizer, decoder, config.sample_rate, hop_length, first_frames)
    return Codec(encoder, quantizer, decoder, config.sample_rate, hop_length, pre_skip=0)


NAMES = (
    (r"^(encoder|decoder)\.model\.", r"\1.parts."),
    (r"\.convtr\.convtr\.weight$", ".conv.weight"),
    (r"\.convtr\.convtr\.bias$", ".bias"),
    (r"\.block\.1\.conv\.conv\.", ".branches.0.parts.1.conv."),
    (r"\.block\.3\.conv\.conv\.", ".branches.0.parts.3.module."),
    (r"\.shortcut\.conv\.conv\.", ".branches.1.module."),
    (r"(\.\d+)\.conv\.conv\.", r"\1.conv."),
    (r"\.lstm\.", ".branch.lstm."),
    (r"^quantizer\.vq\.layers\.(\d+)\._codebook\.embed$", r"quantizer.codebooks.\1.weight"),
)
"""Patterns of the official package's names, and ours; applied in this order."""


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state of the official package's, weight norm folded. Transposed convolutions are of kernel 2 stride."""
    converted = {}
    for name, tensor in state.items():
        transposed = name.endswith(".convtr.convtr.weight")
        converted[renamed(name, NAMES)] = as_convolution(tensor, tensor.shape[-1] // 2) if transposed else tensor
    return converted


def names_in_transformers(state: dict[str, Tensor]) -> tuple[tuple[str, str], ...]:
    """Patterns of the names in transformers' `state`, and the official package's; to be applied in this order.

    They do not tell which convolutions of the decoder are transposed: all at a place of their own but first and last.
    """
    places = re.findall(r"decoder\.layers\.(\d+)\.conv\.bias", "\n".join(state))
    transposed = sorted(map(int, places))[1:-1]
    return (
        *((rf"^decoder\.layers\.{k}\.conv\.", f"decoder.model.{k}.convtr.convtr.") for k in transposed),
        (r"^(encoder|decoder)\.layers\.", r"\1.model."),
        (r"\.conv\.(weight|bias)$", r".conv.conv.\1"),
        (r"^quantizer\.layers\.(\d+)\.codebook\.", r"quantizer.vq.layers.\1._codebook."),
    )


def layouts(package: str, convert: Callable[[State], State]) -> tuple[Layout, Layout]:
    """That of a package of EnCodec's authors, which `convert` reads, and transformers': the same under other names."""

    def from_transformers(state: State) -> State:
        names = names_in_transformers(state)
        return convert({renamed(name, names): tensor for name, tensor in state.items()})

    statistics = r"(inited|cluster_size|embed_avg)"
    return (
        Layout(package, r"encoder\.model\..*", convert, (rf"quantizer\.vq\.layers\.\d+\._codebook\.{statistics}",)),
        Layout(
            "transformers",
            r"encoder\.layers\..*",
            from_transformers,
            (rf"quantizer\.layers\.\d+\.codebook\.{statistics}",),
        ),
    )


PUBLISHED = {
    "encodec-24khz": Published(
        architecture="encodec",
        config=Config(edges="mirror"),
        layouts=layouts("encodec", from_official),
        source="encodec_24khz-d7cc33bc.th",
        sha256="d7cc33bc",
        code_licence="MIT",
        weights_licence="MIT by their repository, CC-BY-NC 4.0 by the package that loads them: ask for commercial use",
        place="https://dl.fbaipublicfiles.com/encodec/v0/encodec_24khz-d7cc33bc.th",
    )
}
"""Released weights of this codec."""
