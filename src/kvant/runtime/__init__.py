"""The shipped models on onnxruntime: encode, decode, stream, compress; no torch."""

from kvant.runtime.codec import Codec, Codes, load
from kvant.runtime.memory import compress, decompress
from kvant.runtime.models import DEFAULT, available

__all__ = ["DEFAULT", "Codec", "Codes", "available", "compress", "decompress", "load"]
