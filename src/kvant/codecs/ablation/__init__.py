"""The frame codec around any quantizer: what an ablation trains, so that its cells differ in nothing else.

Signal      24 kHz mono, 75 frames/s, as `codecs.frame`; its networks are small, for comparisons of minutes
Quantizer   any of `QUANTIZERS`, made of any codebook, gradient estimator, remedies and penalties, by their names
"""

from dataclasses import dataclass, field

from kvant.codec import Codec
from kvant.codecs import frame
from kvant.codecs.ablation.arrangements import QuantizerConfig, build_quantizer
from kvant.layers.context import ContextConfig

__all__ = ["Config", "QuantizerConfig", "build"]

SMALL = ContextConfig(channels=96, hidden=192, dilations=(1, 2))


@dataclass(frozen=True)
class Config:
    """The frame codec to build, and the quantizer in the place of its own; JSON-able.

    `backbone` says how many levels there are, and how many vectors each has; a quantizer without codebooks may round
    the latter.
    """

    backbone: frame.Config = field(default_factory=lambda: frame.Config(encoder=SMALL, decoder=SMALL))
    quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)


def build(config: Config) -> Codec:
    """The codec of `config`. UsageError: it names a part that does not exist, or one that cannot be made so."""
    backbone = config.backbone
    sizes = backbone.latent_dim, backbone.num_codebooks, backbone.codebook_size
    return frame.around(build_quantizer(config.quantizer, *sizes), backbone)
