"""Training data: recordings measured, prepared as memory-mapped corpora, and sampled deterministically.

Only what hands out a `Batch` imports torch; measuring and preparing do without.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvant.data.balance import Balance, Level
    from kvant.data.batch import Batch
    from kvant.data.hugging_face import HuggingFaceRecordings
    from kvant.data.segments import Segments
    from kvant.data.sharded import ShardedSegments
    from kvant.data.tar_shards import TarShards

_LAZY = {
    "Balance": "balance",
    "Batch": "batch",
    "HuggingFaceRecordings": "hugging_face",
    "Level": "balance",
    "Segments": "segments",
    "ShardedSegments": "sharded",
    "TarShards": "tar_shards",
}

__all__ = ["Balance", "Batch", "HuggingFaceRecordings", "Level", "Segments", "ShardedSegments", "TarShards"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `kvant data scan` needs no torch."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"kvant.data.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'kvant.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
