"""The shipped models on onnxruntime: encode, decode, stream, compress; no torch."""

from kvant.runtime.codec import Codec
from kvant.runtime.codes import Codes
from kvant.runtime.memory import compress, decompress
from kvant.runtime.models import DEFAULT, available
from kvant.runtime.opening import load

__all__ = ["DEFAULT", "Codec", "Codes", "available", "compress", "decompress", "load"]
