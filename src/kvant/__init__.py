"""Kvant: neural audio codecs. Compress, tokenize, build and train.

codec = kvant.load(); codes = codec.encode(wav, sample_rate); wav = codec.decode(codes)
data = kvant.compress(wav, sample_rate, bitrate=3000); wav, sample_rate = kvant.decompress(data)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvant.loading import load
    from kvant.runtime import Codec, Codes, compress, decompress

__version__ = "0.1.0"

_LAZY = {name: "kvant.runtime" for name in ("Codec", "Codes", "compress", "decompress")} | {"load": "kvant.loading"}

__all__ = ["Codec", "Codes", "compress", "decompress", "load"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `import kvant` costs nothing."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'kvant' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
