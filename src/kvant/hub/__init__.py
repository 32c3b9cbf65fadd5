"""Codecs as audio tokenizers of Hugging Face's transformers: `pip install 'kvant[hub]'`.

Importing this registers them, so that `AutoConfig`, `AutoModel`, `AutoModelForAudioTokenization`, `AutoProcessor` and
`AutoFeatureExtractor` know `model_type` "kvant".
"""

from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForAudioTokenization,
    EncodecFeatureExtractor,
)

from kvant.hub.audio_tokenizer import KvantAudioTokenizer
from kvant.hub.configuration import KvantConfig
from kvant.hub.outputs import Decoded, Encoded, Heard

AutoConfig.register(KvantConfig.model_type, KvantConfig, exist_ok=True)
AutoModel.register(KvantConfig, KvantAudioTokenizer, exist_ok=True)
AutoModelForAudioTokenization.register(KvantConfig, KvantAudioTokenizer, exist_ok=True)
AutoFeatureExtractor.register(KvantConfig, EncodecFeatureExtractor, exist_ok=True)

__all__ = ["Decoded", "Encoded", "Heard", "KvantAudioTokenizer", "KvantConfig"]
