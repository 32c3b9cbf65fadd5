"""What the tokenizer's verbs return, under the names transformers uses."""

from dataclasses import dataclass

from torch import Tensor
from transformers.utils import ModelOutput


@dataclass
class Encoded(ModelOutput):
    """audio_codes: int64 [B, K, T], coarse first."""

    audio_codes: Tensor | None = None


@dataclass
class Decoded(ModelOutput):
    """audio_values: float [B, 1, N]."""

    audio_values: Tensor | None = None


@dataclass
class Heard(ModelOutput):
    """What went through the codec. audio_codes: int64 [B, K, T]. audio_values: float [B, 1, N], with gradient."""

    audio_codes: Tensor | None = None
    audio_values: Tensor | None = None
