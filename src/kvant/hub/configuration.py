"""A codec's config as transformers keeps one: JSON beside the weights, with the names its users look for."""

from typing import Any

from transformers import PreTrainedConfig

from kvant.bitstream.packing import code_width
from kvant.checkpoint import build_codec
from kvant.codec import Codec
from kvant.codecs import CODECS


class KvantConfig(PreTrainedConfig):
    """architecture, codec_config: of `kvant.codecs.CODECS`, the latter in its JSON form.

    sampling_rate: Hz. hop_length: samples a frame. codebook_sizes: one per level. codec_name, licence: of the model it
    was made of.
    """

    model_type = "kvant"

    architecture: str = ""
    codec_config: dict[str, Any] | None = None
    sampling_rate: int = 24000
    hop_length: int = 320
    codebook_sizes: list[int] | None = None
    audio_channels: int = 1
    codec_name: str = ""
    licence: Any = None

    @classmethod
    def of(cls, codec: Codec, metadata: dict[str, Any]) -> "KvantConfig":
        """The config of a codec that came from a model file with this `metadata`."""
        return cls(
            architecture=metadata["architecture"],
            codec_config=metadata["config"],
            sampling_rate=codec.sample_rate,
            hop_length=codec.hop_length,
            codebook_sizes=list(codec.quantizer.codebook_sizes),
            codec_name=metadata["name"],
            licence=metadata.get("licence"),
        )

    @property
    def num_quantizers(self) -> int:
        """Levels."""
        return len(self.codebook_sizes or ())

    @property
    def codebook_size(self) -> int:
        """Vectors of the largest codebook."""
        return max(self.codebook_sizes or (0,))

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sampling_rate / self.hop_length

    @property
    def target_bandwidths(self) -> list[float]:
        """kbit/s of each number of levels, from one up: every code in whole bits, as streams have them."""
        bits = [code_width(size) for size in self.codebook_sizes or ()]
        return [sum(bits[:levels]) * self.frame_rate / 1000 for levels in range(1, len(bits) + 1)]

    def build(self) -> Codec:
        """The codec, with random weights. ModelError: no architecture of that name, or a config that builds none."""
        config = {} if self.codec_config is None else self.codec_config
        codec: Codec = build_codec(CODECS, self.architecture, config, self.codec_name or type(self).__name__)
        return codec
